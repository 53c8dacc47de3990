import test from 'ava'
import { RecordReader } from '../../src/log/record-reader.js'
import { composeLog, framesOfOne } from '../support/compose-segments.js'
import { ControlledView } from '../support/controlled-view.js'
import { Gate } from '../support/reading-file-system.js'
import { collect } from '../support/records.js'

const reason = new Error('enough')
const ended = { done: true, value: undefined }

function someView(durableLsn?: number): ControlledView {
  return new ControlledView(
    composeLog([framesOfOne(1, 500, 1000), framesOfOne(501, 500, 1000), framesOfOne(1001, 500, 1000)]),
    durableLsn,
  )
}

for (const method of ['read', 'follow'] as const) {
  test(`${method}: a signal that is aborted already ends it before anything is read`, async (t) => {
    const view = someView()
    const iterator = new RecordReader(view)[method]({ signal: AbortSignal.abort(reason) })
    t.is(await iterator.next().catch((error) => error), reason)
    t.deepEqual(await iterator.next(), ended)
    t.is(view.fileSystem.opens, 0)
  })

  test(`${method}: ends between records, with the reason, and is over then`, async (t) => {
    const view = someView()
    const reader = new RecordReader(view)
    const controller = new AbortController()
    const { records, error } = await collect(
      (async function* () {
        for await (const record of reader[method]({ signal: controller.signal })) {
          yield record
          if (record.lsn === 7) controller.abort(reason)
        }
      })(),
    )
    t.is(error, reason)
    t.is(records.length, 7)
    await reader.close()
    t.deepEqual(view.fileSystem.openPaths, [])
  })

  test(`${method}: ends at each file system call, and leaves nothing open`, async (t) => {
    for (const stage of ['beforeOpen', 'beforeRead', 'afterRead'] as const) {
      for (const call of [1, 2, 3]) {
        const view = someView()
        view.end('closed')
        const reader = new RecordReader(view)
        const controller = new AbortController()
        const iterator = reader[method]({ signal: controller.signal })
        const gate = new Gate()
        let calls = 0
        view.fileSystem[stage] = () => {
          calls += 1
          return calls === call ? gate.pass() : undefined
        }
        const all = collect(iterator)
        await gate.arrived
        controller.abort(reason)
        t.is((await all).error, reason, 'without waiting for the file system')
        t.deepEqual(await iterator.next(), ended)
        gate.open()
        await iterator.return()
        t.is(view.fileSystem.readsNow, 0)
        await reader.close()
        t.deepEqual(view.fileSystem.openPaths, [])
      }
    }
  })

  test(`${method}: the first of several waiting calls gets the reason, the others the end`, async (t) => {
    const view = someView()
    const gate = new Gate()
    view.fileSystem.beforeRead = () => gate.pass()
    const controller = new AbortController()
    const iterator = new RecordReader(view)[method]({ signal: controller.signal })
    const calls = [iterator.next(), iterator.next(), iterator.next()].map((call) => call.catch((error) => error))
    await gate.arrived
    controller.abort(reason)
    t.deepEqual(await Promise.all(calls), [reason, ended, ended])
    gate.open()
    await iterator.return()
  })
}

test('follow: ends while it waits for records', async (t) => {
  const view = someView(20)
  const controller = new AbortController()
  const iterator = new RecordReader(view).follow({ from: 20, signal: controller.signal })
  t.is((await iterator.next()).value?.lsn, 20)
  const pending = iterator.next().catch((error) => error)
  while (view.waiting === 0) await null
  controller.abort(reason)
  t.is(await pending, reason)
  t.is(view.waiting, 0)
  view.advance(1000)
  t.deepEqual(await iterator.next(), ended)
})

test('follow: return ends it while it waits for records', async (t) => {
  const view = someView(20)
  const iterator = new RecordReader(view).follow({ from: 21 })
  const pending = [iterator.next(), iterator.next()]
  while (view.waiting === 0) await null
  t.deepEqual(await iterator.return(), { done: true, value: undefined })
  t.deepEqual(await Promise.all(pending), [ended, ended])
  t.is(view.waiting, 0)
})

test('an iterator that nobody waits on listens to no signal', async (t) => {
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...given: Parameters<AbortSignal['addEventListener']>) => {
    listeners += 1
    addEventListener.apply(signal, given)
  }
  signal.removeEventListener = (...given: Parameters<AbortSignal['removeEventListener']>) => {
    listeners -= 1
    removeEventListener.apply(signal, given)
  }
  const iterator = new RecordReader(someView()).read({ signal })
  const first = iterator.next()
  t.is(listeners, 1)
  t.is((await first).value?.lsn, 1)
  await null
  t.is(listeners, 0)
})
