import test from 'ava'
import { RecordReader } from '../../src/log/record-reader.js'
import { composeLog, framesOfOne } from '../support/compose-segments.js'
import { ControlledView } from '../support/controlled-view.js'
import { random } from '../support/random.js'
import { Gate } from '../support/reading-file-system.js'
import { collect, isSluiceError, sameRecords } from '../support/records.js'

const someLog = () => composeLog([0, 1, 2, 3].map((index) => framesOfOne(index * 1000 + 1, 1000, 500)))

/** The one of whoever doesn't change its bytes. */
const segments = someLog()

for (const method of ['read', 'follow'] as const) {
  for (const keepFiles of [true, false]) {
    const how = keepFiles ? 'the file still there' : 'the file gone'

    test(`${method}: trimmed between records, ${how}: refused at the next record`, async (t) => {
      const view = new ControlledView(segments)
      const iterator = new RecordReader(view)[method]()
      t.is((await iterator.next()).value?.lsn, 1)
      t.is((await iterator.next()).value?.lsn, 2)
      view.trim(1001, keepFiles)
      const error = isSluiceError(t, await iterator.next().catch((failure) => failure), 'SLUICE_TRIMMED')
      t.is(error.firstLsn, 3)
      t.true((await iterator.next()).done)
    })

    test(`${method}: trimmed while a file is opened or read, ${how}: refused`, async (t) => {
      for (const stage of ['beforeOpen', 'beforeRead', 'afterRead'] as const) {
        for (const call of [1, 2, 3]) {
          const view = new ControlledView(segments)
          const reader = new RecordReader(view)
          const gate = new Gate()
          let calls = 0
          view.fileSystem[stage] = () => {
            calls += 1
            return calls === call ? gate.pass() : undefined
          }
          const reading = collect(reader[method]())
          await gate.arrived
          view.trim(3001, keepFiles)
          gate.open()
          const { records, error } = await reading
          isSluiceError(t, error, 'SLUICE_TRIMMED')
          sameRecords(t, records, segments, 1, records.length)
          await reader.close()
          t.deepEqual(view.fileSystem.openPaths, [])
        }
      }
    })
  }
}

test('damage in what was trimmed since it was read is no damage', async (t) => {
  for (const trimmed of [false, true]) {
    const segments = someLog()
    const [segment] = segments
    const frame = segment?.frames[2]
    if (segment === undefined || frame === undefined) throw new RangeError('the log has more than that')
    const at = frame.offset + frame.bytes - 8
    segment.bytes.writeUInt8(segment.bytes.readUInt8(at) ^ 1, at)
    const view = new ControlledView(segments)
    const iterator = new RecordReader(view).read()
    for (const lsn of [1, 2]) t.is((await iterator.next()).value?.lsn, lsn)
    if (trimmed) view.trim(1001)
    const failure = await iterator.next().catch((error) => error)
    t.is(isSluiceError(t, failure, trimmed ? 'SLUICE_TRIMMED' : 'SLUICE_CORRUPT').firstLsn, 3)
    t.true((await iterator.next()).done)
  }
})

test('a trim below what is read disturbs nobody', async (t) => {
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  const iterator = reader.read({ from: 1500 })
  await iterator.next()
  view.trim(1001)
  const { records, error } = await collect(iterator)
  t.is(error, undefined)
  sameRecords(t, records, segments, 1501, 4000)
})

test('a trim after the last record does not take back the end', async (t) => {
  const view = new ControlledView(segments)
  const iterator = new RecordReader(view).read({ to: 3 })
  for (const lsn of [1, 2, 3]) t.is((await iterator.next()).value?.lsn, lsn)
  view.trim(1001)
  t.true((await iterator.next()).done)
})

test('files of trimmed segments are closed', async (t) => {
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  for (const lsn of [500, 1500, 2500]) await reader.get(lsn)
  t.is(view.fileSystem.openPaths.length, 3)
  view.trim(1001)
  reader.evictTrimmed()
  await reader.get(2600)
  t.is(view.fileSystem.openPaths.length, 2)
  view.trim(2001)
  await reader.get(2500)
  await reader.get(2600)
  t.is(view.fileSystem.openPaths.length, 1)
  await reader.close()
})

test('at random moments: a dense run of good records, then the end or a refusal', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  let refused = 0
  for (let round = 0; round < 100; round++) {
    const view = new ControlledView(segments)
    const reader = new RecordReader(view)
    let calls = 0
    const trimAt = below(20)
    const step = () => {
      if (calls++ === trimAt) view.trim(below(2) === 0 ? 1001 : 2001, below(2) === 0)
    }
    Object.assign(view.fileSystem, { beforeOpen: step, beforeRead: step, afterRead: step })
    const from = 1 + below(2500)
    const { records, error } = await collect(reader.read({ from }))
    sameRecords(t, records, segments, from, from + records.length - 1)
    if (error === undefined) t.is(records.length, 4001 - from)
    else isSluiceError(t, error, 'SLUICE_TRIMMED')
    refused += error === undefined ? 0 : 1
    await reader.close()
    t.deepEqual(view.fileSystem.openPaths, [])
  }
  t.log(`${refused} of 100 refused`)
})
