import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { ReportInbox } from '../../src/log/report-inbox.js'
import { createRingMemory } from '../../src/ring/layout.js'
import type { WriterReport } from '../../src/ring/report.js'
import { ReportReceiver, ReportSender } from '../../src/ring/report-channel.js'

/** Two ends whose messages arrive when the test says so, and a clock that it turns. */
function ends() {
  const memory = createRingMemory(1024)
  const clock = { nowMs: 1000 }
  const received: number[] = []
  const messages = { sent: 0 }
  const sender = new ReportSender(memory, () => messages.sent++)
  const receiver = new ReportReceiver(memory)
  const inbox = new ReportInbox(
    receiver,
    (report) => received.push(report.kind === 'trimmed' ? report.firstLsn : -1),
    () => clock.nowMs,
  )
  const report = (firstLsn: number): WriterReport => ({ kind: 'trimmed', firstLsn })
  return { sender, inbox, received, messages, clock, report }
}

test('a report that was foretold is taken without a message of its own', async (t) => {
  const { sender, inbox, received, messages, report } = ends()
  sender.foretell()
  t.is(messages.sent, 1)
  inbox.message()
  await turn()
  t.deepEqual(received, [])
  sender.send(report(7))
  t.is(messages.sent, 1)
  await turn()
  t.deepEqual(received, [7])
  sender.send(report(8))
  t.is(messages.sent, 2)
})

test('one that takes longer than was foretold comes by a message, and nobody looks for it any more', async (t) => {
  const { sender, inbox, received, messages, clock, report } = ends()
  sender.foretell()
  inbox.message()
  clock.nowMs += 0.09
  await turn()
  sender.foretell()
  t.is(messages.sent, 1, 'it is still being looked for')
  clock.nowMs += 0.02
  await turn()
  sender.send(report(7))
  t.is(messages.sent, 2)
  await turn()
  await turn()
  t.deepEqual(received, [])
  inbox.message()
  t.deepEqual(received, [7])
})

test('one that came before its message was looked at is taken at once', (t) => {
  const { sender, inbox, received, report } = ends()
  sender.foretell()
  sender.send(report(7))
  inbox.message()
  t.deepEqual(received, [7])
  inbox.close()
})

test('a second message in a turn of the event loop waits for the next one', async (t) => {
  const { sender, inbox, received, messages, report } = ends()
  sender.send(report(1))
  inbox.message()
  sender.send(report(2))
  t.is(messages.sent, 2)
  inbox.message()
  t.deepEqual(received, [1])
  await turn()
  t.deepEqual(received, [1, 2])
})

test('closed, it hands on nothing, and looks for nothing', async (t) => {
  const { sender, inbox, received, report } = ends()
  sender.foretell()
  inbox.message()
  inbox.close()
  sender.send(report(1))
  await turn()
  inbox.message()
  inbox.drain()
  t.deepEqual(received, [])
})
