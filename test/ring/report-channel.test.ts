import test from 'ava'
import { SluiceError, toErrorRecord } from '../../src/errors.js'
import { createRingMemory, REPORT_SLOTS } from '../../src/ring/layout.js'
import { BATCH_CAUSES, type WriterReport } from '../../src/ring/report.js'
import { ReportReceiver, ReportSender } from '../../src/ring/report-channel.js'

const progress: WriterReport = {
  kind: 'progress',
  writtenLsn: 2 ** 50 + 1,
  durableLsn: 2 ** 50,
  batchRecords: 3,
  batchBytes: 1000,
  cause: 'delay',
  waitMs: 0.5,
  writeMs: 0.25,
  syncMs: 1.5,
  sealSyncMs: 2.5,
  sealSyncs: 1,
  syncs: 2,
  directorySyncMs: 0.125,
  directorySyncs: 1,
  segmentFirstLsn: 77,
  batchOffset: 4096,
}

test('every kind of report comes out as it went in', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const receiver = new ReportReceiver(memory)
  const error = toErrorRecord(
    new SluiceError('SLUICE_IO', 'no', { cause: Object.assign(new Error('EIO: x'), { code: 'EIO', errno: -5 }) }),
  )
  const reports: WriterReport[] = [
    ...BATCH_CAUSES.map((cause) => ({ ...progress, cause })),
    { kind: 'rollback', lsn: 5, error },
    { kind: 'trimmed', firstLsn: 9 },
    { kind: 'trim-failed', firstLsn: 9, error },
    { kind: 'closed', durableLsn: 8 },
    { kind: 'failed', writtenLsn: 9, durableLsn: 8, error },
  ]
  const received: WriterReport[] = []
  for (const report of reports) {
    sender.send(report)
    receiver.drain((arrived) => received.push(arrived))
  }
  t.deepEqual(received, reports)
})

test('one message tells of all reports that were not read yet', (t) => {
  const memory = createRingMemory(1024)
  let messages = 0
  const sender = new ReportSender(memory, () => messages++)
  const receiver = new ReportReceiver(memory)
  sender.send(progress)
  sender.send(progress)
  t.is(messages, 1)
  let read = 0
  receiver.drain(() => read++)
  t.is(read, 2)
  sender.send(progress)
  t.is(messages, 2)
})

test('the slots go round', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const receiver = new ReportReceiver(memory)
  const lsns: number[] = []
  const expected: number[] = []
  for (let lsn = 1; lsn <= REPORT_SLOTS * 3; lsn++) {
    sender.send({ kind: 'trimmed', firstLsn: lsn })
    expected.push(lsn)
    if (lsn % 700 === 0 || lsn === REPORT_SLOTS * 3) {
      receiver.drain((report) => lsns.push(report.kind === 'trimmed' ? report.firstLsn : -1))
    }
  }
  t.deepEqual(lsns, expected)
})

test('an error whose text is too long for the shared memory loses its cause, not its code', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const error = { name: 'Error', message: 'short', code: 'EIO', cause: { name: 'Error', message: 'x'.repeat(100_000) } }
  sender.send({ kind: 'failed', writtenLsn: 1, durableLsn: 0, error })
  let code: string | undefined
  new ReportReceiver(memory).drain((report) => {
    if (report.kind === 'failed') code = report.error.code
  })
  t.is(code, 'EIO')
})
