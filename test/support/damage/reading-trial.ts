import { SluiceError } from '../../../src/errors.js'
import type { LogReader, LogRecord } from '../../../src/log/contract.js'
import { openLogReader } from '../../../src/log/log-reader.js'
import { openLog } from '../../../src/log/open-log.js'
import { DIRECTORY } from '../memory-log.js'
import { BoundedFileSystem } from './bounded-file-system.js'
import { checkRepair, type DamagedLog, require, Violation } from './damage-trial.js'
import type { Damage } from './damages.js'
import { type Files, findLog } from './decision-model.js'
import { range } from './expected-outcome.js'
import { type LogShape, recordOfLog } from './log-shapes.js'

const OPTIONS = { maxPendingBytes: 128 * 1024, segmentBytes: 1024 * 1024 } as const

/** What can be read of a log by the files as they are. */
interface Readable {
  /** Whose records they are. */
  readonly logId: string | undefined
  readonly firstLsn: number
  readonly durableLsn: number
  /** The records of these LSNs have to be given. */
  readonly whole: ReadonlySet<number>
  /** The records of these LSNs must not be given: nothing of them is there, or not as it was written. */
  readonly broken: ReadonlySet<number>
}

function readableIn(
  shape: LogShape,
  files: Files,
  log: { firstLsn: number; durableLsn: number; logId: string; segments?: readonly number[] },
): Readable {
  const found = findLog(files, shape.genuine, log.logId)
  const names = log.segments ?? found.segments.map(({ firstLsn }) => firstLsn)
  const whole = new Set<number>()
  const broken = new Set<number>()
  for (const lsn of range(log.firstLsn, log.durableLsn)) {
    const named = names.findLast((firstLsn) => firstLsn <= lsn)
    const segment = found.segments.find(({ firstLsn, sound }) => firstLsn === named && sound)
    const holds = ({ firstLsn, lastLsn }: { firstLsn: number; lastLsn: number }) => firstLsn <= lsn && lsn <= lastLsn
    if (segment?.frames.some(holds)) whole.add(lsn)
    // A reader that has just read the frame before needs neither a header nor a name to find it.
    else if (!found.segments.some(({ wholeFrames }) => wholeFrames.some(holds))) broken.add(lsn)
  }
  return { ...log, whole, broken }
}

/** Reads all of a log in three ways, and holds every record against what was appended under its LSN. */
async function checkReading(log: Omit<LogReader, 'refresh'>, fs: BoundedFileSystem, expected: Readable): Promise<void> {
  const { logId, firstLsn, durableLsn, whole, broken } = expected
  require(log.firstLsn === firstLsn && log.durableLsn === durableLsn, 'it says', log.firstLsn, log.durableLsn, expected)
  const good = range(firstLsn, durableLsn).findIndex((lsn) => !whole.has(lsn))
  const readableTo = good < 0 ? durableLsn : firstLsn + good - 1
  fs.renew()
  await checkIteration(log.read(), { logId, firstLsn, readableTo, durableLsn })
  fs.renew()
  await checkIteration(log.follow(), { logId, firstLsn, readableTo, durableLsn })
  for (const lsn of range(firstLsn, durableLsn)) {
    fs.renew()
    const got = await recordOrError(() => log.get(lsn))
    if (got instanceof SluiceError) {
      require(got.code === 'SLUICE_CORRUPT' && !whole.has(lsn), `get(${lsn}) fails with ${got.message}`)
    } else {
      require(!broken.has(lsn), `get(${lsn}) gives a record that is not there`)
      checkRecord(got, logId, lsn)
    }
  }
}

async function checkIteration(
  records: AsyncIterable<LogRecord>,
  { logId, firstLsn, readableTo, durableLsn }: Omit<Readable, 'whole' | 'broken'> & { readonly readableTo: number },
): Promise<void> {
  let next = firstLsn
  if (next > durableLsn) return // A follower would wait for records that nobody appends.
  try {
    for await (const record of records) {
      checkRecord(record, logId, next)
      next++
      if (next > durableLsn) break
    }
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'SLUICE_CORRUPT') throw error
    require((error.firstLsn ?? 0) <= next &&
      next <= (error.lastLsn ?? next), 'the error is about', error.firstLsn, next)
    require(next > readableTo, 'reading fails before the damage', next, readableTo)
  }
  require(next === readableTo + 1, 'reading ends behind', next - 1, 'not', readableTo)
}

function checkRecord(record: LogRecord | undefined, logId: string | undefined, lsn: number): void {
  if (record?.lsn !== lsn || !record.data.equals(recordOfLog(logId, lsn))) {
    throw new Violation(`wrong data: ${JSON.stringify(record)} for LSN ${lsn}`)
  }
}

async function recordOrError(get: () => Promise<LogRecord | undefined>): Promise<LogRecord | undefined | SluiceError> {
  try {
    return await get()
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
}

/** Opens a damaged log, where it opens, reads what can be read, and appends to it. */
export async function checkOpened({ shape, files, logId, expected }: DamagedLog): Promise<void> {
  const { opening } = expected
  if (opening.kind === 'corrupt') return
  const { firstLsn, lastLsn } = opening
  const fs = new BoundedFileSystem(files)
  // Of what was opened as a new log there is nothing to read.
  await checkLog(fs, readableIn(shape, files, { firstLsn, durableLsn: lastLsn, logId: logId ?? '' }))
}

/** Repairs a damaged log, reads everything that is left of it, and appends to it. */
export async function checkRepaired(damaged: DamagedLog): Promise<void> {
  const { fs, report } = checkRepair(damaged)
  if (!report.damaged) return
  const { firstLsn, lastLsn } = report
  const whole = new Set(range(firstLsn, lastLsn))
  await checkLog(fs, { logId: damaged.logId, firstLsn, durableLsn: lastLsn, whole, broken: new Set() })
}

/** Opens, reads, appends, closes; opens again, and reads what was appended. */
async function checkLog(fs: BoundedFileSystem, expected: Readable): Promise<void> {
  const lsn = expected.durableLsn + 1
  for (const round of ['first', 'second']) {
    fs.renew()
    const log = await openLog(DIRECTORY, { ...OPTIONS, fileSystem: fs })
    try {
      if (round === 'first') {
        await checkReading(log, fs, expected)
        fs.renew()
        require((await log.append(recordOfLog(expected.logId, lsn))) === lsn, 'the next append is not given LSN', lsn)
      }
      fs.renew()
      require(log.durableLsn === lsn, 'what was appended is not durable', log.durableLsn, lsn)
      checkRecord(await log.get(lsn), expected.logId, lsn)
    } finally {
      fs.renew()
      await log.close()
    }
  }
  require(fs.openFiles === 0, 'files are left open')
}

/** Damages a log that is open, and reads it then. What a log says of itself doesn't change by that. */
export async function checkDamagedWhileOpen(shape: LogShape, damages: readonly Damage[]): Promise<void> {
  const fs = new BoundedFileSystem(shape.files)
  const log = await openLog(DIRECTORY, { ...OPTIONS, fileSystem: fs })
  const sound = fs.logFiles()
  try {
    const files = new Map(sound)
    for (const damage of damages) damage.apply(files)
    fs.become(files)
    const { firstLsn, durableLsn } = log
    const logId = shape.built.logId.toString('hex')
    const segments = findLog(sound, shape.genuine, logId).segments.map((segment) => segment.firstLsn)
    await checkReading(log, fs, readableIn(shape, files, { firstLsn, durableLsn, logId, segments }))
  } finally {
    fs.renew()
    fs.become(sound)
    await log.close()
  }
  require(fs.openFiles === 0, 'files are left open')
}

/** Reads a damaged log from outside, by what is left of its mark file. */
export async function checkReader({ shape, files }: DamagedLog): Promise<void> {
  const fs = new BoundedFileSystem(files)
  const { newest } = findLog(files, shape.genuine)
  let reader: LogReader
  try {
    reader = await openLogReader(DIRECTORY, { fileSystem: fs })
  } catch (error) {
    const refused = error instanceof SluiceError && ['SLUICE_CORRUPT', 'SLUICE_INVALID_ARGUMENT'].includes(error.code)
    require(refused && newest === undefined, `the reader can’t be opened: ${String(error)}`)
    return
  }
  try {
    if (newest === undefined) throw new Violation('a reader opens without a mark')
    await checkReading(reader, fs, readableIn(shape, files, newest))
  } finally {
    await reader.close()
  }
  require(fs.openFiles === 0, 'files are left open')
}
