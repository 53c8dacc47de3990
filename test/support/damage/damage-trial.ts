import { SluiceError, type SluiceErrorCode } from '../../../src/errors.js'
import { MARK_FILE } from '../../../src/format/file-names.js'
import { isDamage } from '../../../src/segment/finding.js'
import { inspectLog } from '../../../src/segment/inspect.js'
import type { RecoveredLog } from '../../../src/segment/recovered-log.js'
import { recover } from '../../../src/segment/recovery.js'
import { type RepairReport, repairLog } from '../../../src/segment/repair.js'
import { verifyLog } from '../../../src/segment/verify.js'
import { DIRECTORY } from '../memory-log.js'
import { BoundedFileSystem } from './bounded-file-system.js'
import type { Damage } from './damages.js'
import { findLog } from './decision-model.js'
import { type ExpectedOutcome, expectedOutcome, hasForeignMark, range } from './expected-outcome.js'
import type { LogShape } from './log-shapes.js'

/** Something came out of a damage that must not. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function require(holds: boolean, what: string, ...found: readonly unknown[]): void {
  if (!holds) throw new Violation([what, ...found.map((value) => JSON.stringify(value))].join(' '))
}

/** A damaged log, and what has to come of it. */
export interface DamagedLog {
  readonly shape: LogShape
  readonly files: ReadonlyMap<string, Buffer>
  /** Whose log it is by what is left; `undefined` where nothing tells. */
  readonly logId: string | undefined
  readonly expected: ExpectedOutcome
}

export function damagedLog(shape: LogShape, damages: readonly Damage[]): DamagedLog {
  const files = new Map(shape.files)
  for (const damage of damages) damage.apply(files)
  const found = findLog(files, shape.genuine)
  if (!hasForeignMark(found)) return { shape, files, logId: found.logId, expected: expectedOutcome(found, false) }
  const others = findLog(new Map([...files].filter(([name]) => name !== MARK_FILE)), shape.genuine)
  return { shape, files, logId: others.logId, expected: expectedOutcome(others, true) }
}

/** Runs a check; what it throws says which damage it was. */
export function inContext<T>(shape: LogShape, damages: readonly Damage[], check: () => T): T {
  const explained = (error: unknown): Violation => {
    const done = damages.map(({ kind, what }) => `${kind} (${what})`).join(', then ')
    return new Violation(`log “${shape.name}”, ${done}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
  try {
    const result = check()
    if (!(result instanceof Promise)) return result
    // Still a promise of the same type: only what it rejects with is another error.
    return result.catch((error) => Promise.reject(explained(error))) as T
  } catch (error) {
    throw explained(error)
  }
}

/** What became of a damaged log, in one word for the table. */
export type Outcome = 'harmless' | 'torn' | 'refused' | 'found by verify'

/** Holds `verify`, `inspect` and opening against the decision table. */
export function judge({ files, logId, expected }: DamagedLog): Outcome {
  const fs = new BoundedFileSystem(files)
  checkVerify(fs, expected)
  fs.renew()
  inspectLog(fs, DIRECTORY)
  require(sameFiles(fs.logFiles(), files), 'verify or inspect changed something')
  fs.renew()
  const opened = outcomeOf(() => recover(fs, DIRECTORY))
  checkOpening(opened, expected, logId)
  require(fs.openFiles === 0, 'files are left open')
  if (expected.opening.kind === 'corrupt') {
    require(sameFiles(fs.logFiles(), files), 'what is refused was changed')
    return 'refused'
  }
  if (expected.damaged) return 'found by verify'
  return expected.opening.torn === undefined ? 'harmless' : 'torn'
}

function checkVerify(fs: BoundedFileSystem, expected: ExpectedOutcome): void {
  const { ok, findings } = verifyLog(fs, DIRECTORY)
  require(ok !== expected.damaged, ok ? 'verify finds no damage' : 'verify finds damage', findings)
  const named = new Set<number>()
  const places = new Set<string>()
  for (const finding of findings.filter(isDamage)) {
    if (finding.kind === 'unsupported') continue
    for (const lsn of range(finding.firstLsn ?? 1, finding.lastLsn ?? 0)) named.add(lsn)
    places.add(`${finding.segment}@${finding.offset}`)
  }
  const sorted = [...named].sort((one, other) => one - other)
  require(JSON.stringify(sorted) === JSON.stringify(expected.named), 'verify names', sorted, 'not', expected.named)
  for (const { segment, offset } of expected.places) {
    require(places.has(`${segment}@${offset}`), `verify doesn’t name ${segment}, offset ${offset}, but`, [...places])
  }
}

type Opened = { readonly kind: 'opened'; readonly log: RecoveredLog } | { readonly kind: SluiceErrorCode }

function outcomeOf(open: () => RecoveredLog): Opened {
  try {
    return { kind: 'opened', log: open() }
  } catch (error) {
    if (error instanceof SluiceError) return { kind: error.code }
    throw error
  }
}

function checkOpening(opened: Opened, { opening }: ExpectedOutcome, logId: string | undefined): void {
  if (opening.kind === 'corrupt') {
    require(opened.kind === 'SLUICE_CORRUPT', 'opening ends as', opened.kind, 'where the log is corrupt')
    return
  }
  if (!('log' in opened)) throw new Violation(`opening ends as ${opened.kind} where the log opens`)
  const { firstLsn, lastLsn, report } = opened.log
  const { torn } = report
  checkLogId(opened.log, logId)
  require(firstLsn === opening.firstLsn &&
    lastLsn === opening.lastLsn, 'it opens with LSNs', firstLsn, lastLsn, opening)
  require(torn?.segment === opening.torn?.segment && torn?.offset === opening.torn?.offset, 'torn', torn, opening.torn)
}

function checkLogId(log: RecoveredLog, logId: string | undefined): void {
  const opened = log.logId.toString('hex')
  require(logId === undefined || opened === logId, 'it opens as log', opened, 'not', logId)
}

/** Repairs a log, and holds what is left against what repair says. Returns what it left. */
export function checkRepair({ files, logId, expected }: DamagedLog): { fs: BoundedFileSystem; report: RepairReport } {
  const fs = new BoundedFileSystem(files)
  const report = repairLog(fs, DIRECTORY)
  require(report.damaged === expected.damaged, 'repair says damaged:', report.damaged)
  if (!report.damaged) require(sameFiles(fs.logFiles(), files), 'repair changed a log without damage')
  const { firstLsn, lastLsn } = report
  const { kept, proved } = expected
  if (report.damaged) require(firstLsn === kept.firstLsn && lastLsn === kept.lastLsn, 'repair keeps', report, kept)
  const lost = new Set(report.lost.flatMap((lsns) => range(lsns.firstLsn, lsns.lastLsn)))
  for (const lsn of lost) require(lsn < firstLsn || lsn > lastLsn, 'repair keeps what it says is lost', lsn)
  for (const lsn of proved) {
    const there = lsn >= firstLsn && lsn <= lastLsn
    if (report.damaged) require(there || lost.has(lsn), 'repair loses without saying so', lsn, report.lost)
  }
  fs.renew()
  const verified = verifyLog(fs, DIRECTORY)
  require(verified.ok, 'verify finds damage after a repair', verified.findings)
  fs.renew()
  const again = repairLog(fs, DIRECTORY)
  require(!again.damaged && again.changes.length === 0, 'a second repair finds', again.changes)
  keepsAside(fs, files, report)
  const left = new BoundedFileSystem(fs.logFiles())
  checkLogId(recover(left, DIRECTORY), logId)
  return { fs, report }
}

/** Every byte that repair took out of the log is in the quarantine folder, trailing zeros apart. */
function keepsAside(fs: BoundedFileSystem, files: ReadonlyMap<string, Buffer>, { changes }: RepairReport): void {
  for (const change of changes) {
    if (change.kind === 'marked' || change.keptIn === undefined) continue
    const [name, from] = change.kind === 'moved' ? [change.file, 0] : [change.segment, change.offset]
    const whole = files.get(name) ?? Buffer.alloc(0)
    const kept = fs.bytesOf(change.keptIn)
    require(whole.subarray(from, from + change.bytes).equals(kept), `${change.keptIn} doesn’t have what was cut off`)
    const rest = whole.subarray(from + change.bytes)
    require(rest.every((byte) => byte === 0), `bytes behind what ${change.keptIn} keeps are gone`)
  }
}

function sameFiles(some: ReadonlyMap<string, Buffer>, others: ReadonlyMap<string, Buffer>): boolean {
  return some.size === others.size && [...some].every(([name, bytes]) => others.get(name)?.equals(bytes))
}
