import test from 'ava'
import { type SimulatedFileSystem, SimulatedFileSystem as SimulatedFiles } from '../../src/testing/index.js'
import { collect } from '../support/records.js'
import {
  LEAST_PENDING_BYTES,
  openBegun,
  openSimulated,
  quiet,
  recoveredTexts,
  throws,
} from '../support/simulated-log.js'

const MANY = ['one', 'two', '', 'three'.repeat(300), 'four']

/** Appends one record, then many, and stops the world at the nth call from then on. Returns what is left of it. */
async function stoppedAt(nth: number): Promise<{ fileSystem: SimulatedFileSystem; acknowledged: boolean }> {
  const { log, fileSystem } = await openBegun({ segmentBytes: 16 * 1024 })
  fileSystem.crashAfter(nth)
  const acknowledged = await log.appendMany(MANY).then(
    () => true,
    () => false,
  )
  await quiet()
  await log.close().catch(() => {})
  return { fileSystem, acknowledged }
}

test('after a power cut or a kill at any call, all records of an appendMany are there, or none', async (t) => {
  const all = ['the first', ...MANY].join()
  let found = { all: 0, none: 0 }
  for (let nth = 1; ; nth++) {
    const { fileSystem, acknowledged } = await stoppedAt(nth)
    if (fileSystem.stoppedAt === undefined) break
    const states: SimulatedFileSystem[] = []
    for (let seed = 0; seed < 12; seed++) states.push(fileSystem.stateAfterCrash({ seed }))
    states.push(fileSystem.stateAfterCrash({ keep: 'none' }), fileSystem.stateAfterCrash({ keep: 'all' }))
    states.push(fileSystem.killProcess())
    for (const state of states) {
      const texts = (await recoveredTexts(state)).join()
      if (texts === all) found = { ...found, all: found.all + 1 }
      else if (texts === 'the first' && !acknowledged) found = { ...found, none: found.none + 1 }
      else t.fail(`stopped at call ${nth}: ${texts.slice(0, 100)}, acknowledged: ${acknowledged}`)
    }
  }
  t.true(found.all > 10 && found.none > 10, JSON.stringify(found))
})

test('the records of an appendMany lie in one frame, of their own', async (t) => {
  const { log } = await openBegun()
  await quiet()
  const commits: number[] = []
  log.on('commit', ({ firstLsn, lastLsn }) => commits.push(firstLsn, lastLsn))
  const before = log.append('before')
  const [, { first, last }] = await Promise.all([before, log.appendMany(MANY), log.append('after')])
  t.deepEqual([first, last], [3, 7])
  t.deepEqual(commits, [2, 8], 'they share a batch, and its sync, with others all the same')
  const { records } = await collect(log.read({ from: 3, to: 7 }))
  t.deepEqual(
    records.map((record) => record.data.toString()),
    MANY,
  )
  t.is(new Set(records.map((record) => record.timestamp)).size, 1)
  await log.close()
})

test('appendMany takes an array with at least one record, and nothing else', async (t) => {
  const { log } = await openSimulated()
  const refused: [unknown, string][] = [
    [[], 'empty'],
    ['text', '"text"'],
    [new Uint8Array(3), 'Uint8Array'],
    [undefined, 'undefined'],
    [{ 0: 'a', length: 1 }, 'Object'],
    [new Set(['a']), 'Set'],
    [new Array(2), 'undefined'],
  ]
  for (const [data, mentions] of refused) {
    const wrong = data as string[] // The wrong types are the point.
    throws(t, () => log.appendMany(wrong), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  t.deepEqual(await log.appendMany(['only']), { first: 1, last: 1 })
  await log.close()
})

test('an appendMany that the shared memory could never hold is refused, however few bytes of data it has', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES })
  // A frame of 8 KiB has 56 bytes before its records, and 4 before each of them.
  const most = (8192 - 56) / 4
  const { first, last } = await log.appendMany(new Array<string>(most).fill(''))
  t.deepEqual([first, last], [1, most])
  const one = { code: 'SLUICE_RECORD_TOO_LARGE', mentions: 'maxPendingBytes' } as const
  throws(t, () => log.appendMany(new Array<string>(most + 1).fill('')), one)
  t.is(log.nextLsn, most + 1)
  await log.close()
})

test('an appendMany larger than batch.maxRecords and batch.maxBytes makes a batch of its own', async (t) => {
  const { log } = await openSimulated({ batch: { maxRecords: 2, maxBytes: 300 } })
  const commits: [number, number][] = []
  log.on('commit', ({ firstLsn, lastLsn }) => commits.push([firstLsn, lastLsn]))
  await Promise.all([
    log.append('1'),
    log.appendMany(['2', '3', '4', '5']),
    log.append('6'),
    log.append('7'),
    log.append('8'),
    log.appendMany(['9'.repeat(1000)]),
  ])
  t.deepEqual(commits, [
    [1, 1],
    [2, 5],
    [6, 7],
    [8, 8],
    [9, 9],
  ])
  await log.close()
})

test('an appendMany larger than a segment makes a segment larger than others', async (t) => {
  const fileSystem = new SimulatedFiles()
  const { log } = await openSimulated({ segmentBytes: 16 * 1024 }, fileSystem)
  await log.append('small')
  await log.appendMany(['x'.repeat(20_000), 'y'.repeat(20_000)])
  await log.append('behind')
  await log.close()
  const { log: reopened } = await openSimulated({ segmentBytes: 16 * 1024 }, fileSystem.crash({ keep: 'none' }))
  t.is(reopened.recovery.segments, 3)
  const { records } = await collect(reopened.read())
  t.deepEqual(
    records.map((record) => record.data.length),
    [5, 20_000, 20_000, 6],
  )
  await reopened.close()
})
