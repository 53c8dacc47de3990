import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import type { SimulatedFileSystem } from '../../src/testing/index.js'
import { random } from '../support/random.js'
import { collect } from '../support/records.js'
import {
  DIRECTORY,
  MARK,
  openSimulated,
  quiet,
  rejects,
  SEGMENT,
  segmentsOf,
  textsOf,
  throws,
  turn,
} from '../support/simulated-log.js'

/** Two records of {@link textOf} fill a segment. */
const OPTIONS: LogOptions = { segmentBytes: 16 * 1024 }

function textOf(lsn: number): string {
  return `${lsn} `.padEnd(6000, 'x')
}

/** The numbers that the durable records of a log begin with. */
async function numbersOf(log: Log): Promise<number[]> {
  return (await textsOf(log)).map((text) => Number.parseInt(text, 10))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

/** A log with nine records, in segments that begin at 1, 3, 5, 7 and 9. */
async function openNine(fileSystem?: SimulatedFileSystem): Promise<{ log: Log; fileSystem: SimulatedFileSystem }> {
  const opened = await openSimulated(OPTIONS, fileSystem)
  for (const lsn of range(1, 9)) await opened.log.append(textOf(lsn))
  return opened
}

for (const [target, firstLsn] of [
  [1, 1],
  [2, 1],
  [3, 3],
  [4, 3],
  [8, 7],
  [9, 9],
  [10, 9],
] as const) {
  test(`trim(${target}) rounds down to the segment that begins at ${firstLsn}`, async (t) => {
    const { log, fileSystem } = await openNine()
    await log.trim(target)
    t.is(log.firstLsn, firstLsn)
    t.deepEqual(
      segmentsOf(fileSystem),
      [1, 3, 5, 7, 9].filter((segment) => segment >= firstLsn),
    )
    t.deepEqual(await numbersOf(log), range(firstLsn, 9))
    t.is(await log.append(textOf(10)), 10)
    const after = fileSystem.crash({ keep: 'none' })
    const { log: reopened } = await openSimulated(OPTIONS, after)
    t.is(reopened.firstLsn, firstLsn)
    t.deepEqual(reopened.recovery.removedFiles, [], 'the removals are durable as well')
    t.deepEqual(await numbersOf(reopened), range(firstLsn, 10))
    await reopened.close()
  })
}

test('a target that is no LSN, or lies past nextLsn, is refused', async (t) => {
  const { log } = await openNine()
  for (const target of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 11, 2 ** 53, '3', 3n, undefined, null]) {
    const wrong = target as number // The wrong types are the point.
    throws(t, () => log.trim(wrong), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'beforeLsn' })
  }
  t.is(log.firstLsn, 1)
  await log.close()
})

test('a new log is trimmed in no time, and one that is closed not at all', async (t) => {
  const { log, fileSystem } = await openSimulated()
  await log.trim(1)
  await log.append('x')
  await log.trim(2)
  t.deepEqual(segmentsOf(fileSystem), [1])
  const pending = [log.trim(2), log.trim(1)]
  const closed = log.close()
  await Promise.all([...pending, closed])
  await rejects(t, log.trim(1), { code: 'SLUICE_CLOSED' })
})

test('below firstLsn there is nothing to read any more, and it says so', async (t) => {
  const { log } = await openNine()
  await log.trim(6)
  const trimmed = { code: 'SLUICE_TRIMMED' } as const
  await rejects(t, log.get(4), trimmed)
  t.is((await log.get(5))?.lsn, 5)
  for (const records of [log.read({ from: 4 }), log.follow({ from: 1 })]) {
    const { records: read, error } = await collect(records)
    t.is(read.length, 0)
    await rejects(t, Promise.reject(error), trimmed)
  }
  t.deepEqual(await numbersOf(log), range(5, 9))
  await log.close()
})

test('the trim mark is durable before a file goes, and the directory is synced after the last one', async (t) => {
  const { log, fileSystem } = await openNine()
  await quiet()
  const before = fileSystem.calls.length
  await log.trim(7)
  const calls = fileSystem.calls.slice(before).map(({ call, path }) => `${call} ${path.slice(DIRECTORY.length + 1)}`)
  t.deepEqual(
    calls.filter((call) => !call.startsWith('readSync')),
    [
      'writeSync mark',
      'datasyncSync mark',
      // In the other slot, too: an older trim mark would miss the files that are gone.
      'writeSync mark',
      'datasyncSync mark',
      'removeSync 0000000000000001.seg',
      'removeSync 0000000000000003.seg',
      'removeSync 0000000000000005.seg',
      'syncDirectorySync ',
    ],
  )
  await log.close()
})

test('after a power cut or a kill at any call of a trim, the log begins at a segment, and lacks nothing behind it', async (t) => {
  const found = new Set<number>()
  for (let nth = 1; ; nth++) {
    const { log, fileSystem } = await openNine()
    await quiet()
    fileSystem.crashAfter(nth)
    const done = await log.trim(8).then(
      () => true,
      () => false,
    )
    await log.close().catch(() => {})
    const states: SimulatedFileSystem[] = []
    for (let seed = 0; seed < 12; seed++) states.push(fileSystem.stateAfterCrash({ seed }))
    states.push(fileSystem.stateAfterCrash({ keep: 'none' }), fileSystem.killProcess())
    for (const state of states) {
      const { log: reopened } = await openSimulated(OPTIONS, state)
      const { firstLsn } = reopened
      found.add(firstLsn)
      t.true(firstLsn === 7 || (firstLsn === 1 && !done), `stopped at call ${nth}: firstLsn ${firstLsn}`)
      t.deepEqual(await numbersOf(reopened), range(firstLsn, 9))
      t.deepEqual(
        segmentsOf(state),
        [1, 3, 5, 7, 9].filter((segment) => segment >= firstLsn),
      )
      t.is(await reopened.append(textOf(10)), 10)
      await reopened.close()
    }
    if (done) break
  }
  t.deepEqual(
    [...found].sort((one, other) => one - other),
    [1, 7],
  )
})

test('equal, lower, higher and repeated targets all settle, in whatever order they come', async (t) => {
  const { log, fileSystem } = await openNine()
  await Promise.all([5, 3, 5, 8, 1, 7, 10, 8].map((target) => log.trim(target)))
  t.is(log.firstLsn, 9)
  await Promise.all([1, 9, 10].map((target) => log.trim(target)))
  t.deepEqual(segmentsOf(fileSystem), [9])
  await log.close()
})

test('trims beside appends and readers: nobody is harmed, and a reader is told where records are gone', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const { log, fileSystem } = await openSimulated(OPTIONS)
  const trims: Promise<void>[] = []
  const readers: Promise<void>[] = []
  const appends: Promise<number>[] = []
  let trimmed = 0
  const read = async (from: number): Promise<void> => {
    let lsn = from
    try {
      for await (const record of log.read({ from })) {
        if (record.lsn !== lsn || record.data.toString() !== textOf(lsn)) t.fail(`${lsn} was ${record.lsn}`)
        lsn++
        if (numbers.below(3) === 0) await turn()
      }
    } catch (error) {
      if (!(error instanceof SluiceError && error.code === 'SLUICE_TRIMMED')) throw error
      if (log.firstLsn <= lsn) t.fail(`LSN ${lsn} is said to be trimmed, but the log begins at ${log.firstLsn}`)
      trimmed++
    }
  }
  for (let round = 0; round < 300; round++) {
    const { firstLsn, nextLsn } = log
    appends.push(log.append(textOf(nextLsn)))
    if (numbers.below(8) === 0) trims.push(log.trim(firstLsn + numbers.below(nextLsn - firstLsn + 1)))
    if (numbers.below(8) === 0) readers.push(read(firstLsn + numbers.below(nextLsn - firstLsn + 1)))
    if (numbers.below(3) === 0) await turn()
    if (numbers.below(3) === 0) await Promise.all(appends)
  }
  await Promise.all([...appends, ...trims, ...readers])
  t.log(`${readers.length} readers, of which ${trimmed} were overtaken by a trim`)
  t.is(log.durableLsn, 300)
  t.deepEqual(await numbersOf(log), range(log.firstLsn, 300))
  t.deepEqual(segmentsOf(fileSystem)[0], log.firstLsn)
  await log.close()
})

test('a file that can’t be removed: the trim says so, its records are given up, and it can be asked for again', async (t) => {
  for (const call of ['removeSync', 'syncDirectorySync'] as const) {
    const { log, fileSystem } = await openNine()
    const failed: string[] = []
    log.on('failed', () => failed.push('failed'))
    fileSystem.inject({ call, error: 'EIO', ...(call === 'removeSync' ? { nth: 2 } : {}) })
    const error = await rejects(t, log.trim(7), { code: 'SLUICE_IO' })
    t.like(error.cause, { code: 'EIO' })
    t.is(log.firstLsn, 7, call)
    t.is(log.status, 'open')
    t.is(await log.append(textOf(10)), 10)
    t.deepEqual(await numbersOf(log), range(7, 10))
    if (call === 'removeSync') t.deepEqual(segmentsOf(fileSystem), [3, 5, 7, 9])
    await log.trim(7)
    t.deepEqual(segmentsOf(fileSystem), [7, 9])
    t.deepEqual(failed, [])
    await log.close()
  }
})

test('a file that stays behind after a trim goes at the next opening', async (t) => {
  const { log, fileSystem } = await openNine()
  fileSystem.inject({ call: 'removeSync', path: SEGMENT, error: 'EACCES', once: false })
  await rejects(t, log.trim(5), { code: 'SLUICE_IO' })
  await log.close()
  t.deepEqual(segmentsOf(fileSystem), [1, 3, 5, 7, 9])
  const { log: reopened } = await openSimulated(OPTIONS, fileSystem.killProcess())
  t.deepEqual(reopened.recovery.removedFiles, ['0000000000000001.seg', '0000000000000003.seg'])
  t.is(reopened.firstLsn, 5)
  await reopened.close()
})

test('a file that is gone already is no reason for a trim to fail', async (t) => {
  const { log, fileSystem } = await openNine()
  fileSystem.removeSync(`${DIRECTORY}/0000000000000003.seg`)
  await log.trim(7)
  t.deepEqual(segmentsOf(fileSystem), [7, 9])
  await log.close()
})

test('a trim mark that a full disk has no room for: nothing is given up, and it can be asked for again', async (t) => {
  const { log, fileSystem } = await openNine()
  await quiet()
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'ENOSPC' })
  const full = rejects(t, log.trim(5), { code: 'SLUICE_DISK_FULL', syscall: 'write' })
  const again = log.trim(5)
  await full
  await again
  t.is(log.firstLsn, 5)
  t.is(log.status, 'open')
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'ENOSPC' })
  await rejects(t, log.trim(9), { code: 'SLUICE_DISK_FULL' })
  t.is(log.firstLsn, 5)
  t.deepEqual(segmentsOf(fileSystem), [5, 7, 9])
  t.deepEqual(await numbersOf(log), range(5, 9))
  await log.close()
})

test('a trim reaches no further than what is durable, and waits for no batch that is held back', async (t) => {
  const { log, fileSystem } = await openSimulated({ ...OPTIONS, flush: 'never', batch: { maxDelayMs: 60_000 } })
  const held = Promise.all(range(1, 5).map((lsn) => log.appendMany([textOf(lsn)])))
  await log.flush()
  await held
  const last = log.append('held back')
  await log.trim(log.nextLsn)
  t.is(log.firstLsn, 5)
  t.is(log.durableLsn, 5)
  t.deepEqual(segmentsOf(fileSystem), [5])
  await log.close()
  t.is(await last, 6)
})

test('a full disk at the second note of a trim mark: no file goes, and the error does not say that nothing was given up', async (t) => {
  const { log, fileSystem } = await openNine()
  fileSystem.inject({ call: 'writeSync', path: MARK, nth: 2, error: 'ENOSPC' })
  const error = await rejects(t, log.trim(5), { code: 'SLUICE_DISK_FULL' })
  t.regex(error.message, /no segment below LSN 5 was removed/)
  t.regex(error.message, /the next opening may find them given up/)
  t.deepEqual(segmentsOf(fileSystem), [1, 3, 5, 7, 9])
  t.is(log.firstLsn, 1)
  t.deepEqual(await numbersOf(log), range(1, 9), 'they can still be read')
  const stopped = await openSimulated(OPTIONS, fileSystem.stateAfterCrash({ keep: 'none' }))
  t.is(stopped.log.firstLsn, 5, 'what the first note said')
  await stopped.log.close()
  await log.append(textOf(10))
  await log.close()
  const reopened = await openSimulated(OPTIONS, fileSystem)
  t.is(reopened.log.firstLsn, 1, 'what a later note said')
  await reopened.log.trim(5)
  t.is(reopened.log.firstLsn, 5)
  await reopened.log.close()
})
