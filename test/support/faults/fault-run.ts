import { openLogReader } from '../../../src/log/log-reader.js'
import { repairLog } from '../../../src/log/maintenance.js'
import { recover } from '../../../src/segment/recovery.js'
import type { Fault, FileSystemCall, SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY } from '../simulated-log.js'
import type { Script } from './scripts.js'
import { type Beginning, Story, type Told } from './story.js'

/** What goes wrong at one call of a script. */
export interface Trial {
  /** The place of the call among all of the script. */
  readonly index: number
  readonly call: FileSystemCall
  readonly fault: Fault
}

/** Errors that any call may have, and those that say that there is no room. */
const ERRORS = ['EIO', 'EINTR'] as const
const FULL_ERRORS = ['ENOSPC', 'EDQUOT'] as const
/** Calls that take no room, and so are never told that there is none. */
const READING: readonly string[] = [
  'readSync',
  'sizeSync',
  'listSync',
  'open',
  'read',
  'size',
  'close',
  'list',
  'claim',
]
const TRANSFERS: readonly string[] = ['readSync', 'writeSync', 'read', 'write']
/** Whole sectors and a part of one. */
const SHORT_BYTES = 1000

/** The calls that a script makes on a sound disk. Fails where it is told of any error then. */
export async function callsOfScript(script: Script, beginning: Beginning): Promise<readonly FileSystemCall[]> {
  const story = new Story(beginningOf(beginning))
  await script.run(story)
  await story.end()
  story.codes.delete('SLUICE_TRIMMED') // Asked for.
  if (story.codes.size > 0) story.problems.push(`told ${[...story.codes].join()} on a sound disk`)
  if (story.problems.length > 0) throw new Error(`${script.name}: ${story.problems.join('; ')}`)
  return story.fileSystem.calls
}

/** Everything that can go wrong at each of these calls, once and for good. */
export function trialsOf(calls: readonly FileSystemCall[]): Trial[] {
  const counts = new Map<string, number>()
  return calls.flatMap((call, index) => {
    const nth = (counts.get(call.call) ?? 0) + 1
    counts.set(call.call, nth)
    const kinds: Partial<Fault>[] = [...ERRORS, ...(takesNoRoom(call, calls.slice(0, index)) ? [] : FULL_ERRORS)].map(
      (error) => ({ error }),
    )
    if (TRANSFERS.includes(call.call)) kinds.push({ short: SHORT_BYTES })
    return kinds.flatMap((kind) =>
      [true, false].map((once) => ({ index, call, fault: { call: call.call, nth, once, ...kind } })),
    )
  })
}

function takesNoRoom({ call, mode, path }: FileSystemCall, before: readonly FileSystemCall[]): boolean {
  if (call === 'openSync') return mode !== 'create'
  if (call !== 'closeSync') return READING.includes(call)
  return before.findLast((opened) => opened.call === 'openSync' && opened.path === path)?.mode === 'read'
}

/** One of the trials of each call, which the seed decides. */
export function sampleOf(trials: readonly Trial[], seed: number): Trial[] {
  const byCall = new Map<number, Trial[]>()
  for (const trial of trials) byCall.set(trial.index, [...(byCall.get(trial.index) ?? []), trial])
  return [...byCall].flatMap(([index, each]) => each[(index + seed) % each.length] ?? [])
}

/** Runs a script with a fault, and says all that is wrong with what came of it. */
export async function problemsOf(
  script: Script,
  beginning: Beginning,
  { index, call, fault }: Trial,
): Promise<{ readonly problems: readonly string[]; readonly codes: ReadonlySet<string> }> {
  const story = new Story(beginningOf(beginning), index)
  const { fileSystem, problems } = story
  const mend = fileSystem.inject(fault)
  await script.run(story)
  await story.end()
  mend()
  const met = fileSystem.calls[index]
  if (met?.call !== call.call || met.path !== call.path) problems.push(`the run made another call: ${met?.call}`)
  if (fileSystem.openPaths.length > 0) problems.push(`left open: ${fileSystem.openPaths.join()}`)
  await examine(story)
  return { problems, codes: story.codes }
}

/** A copy: what was there is not changed by a run. */
function beginningOf({ fileSystem, told, ...rest }: Beginning): Beginning {
  return { ...rest, fileSystem: fileSystem.stateAfterCrash({ keep: 'all' }), told: told.map((each) => ({ ...each })) }
}

/** Opens what the run left, as after a power cut, and in the same process: the lock must be free for that. */
async function examine(story: Story): Promise<void> {
  const { fileSystem, snapshot, problems } = story
  if (snapshot !== undefined) {
    const found = await recordsOf(snapshot.fileSystem, story)
    if (found !== undefined) checkKept(problems, 'a power cut right after an acknowledgement', found, snapshot.durable)
  }
  const durable = story.told.filter(({ ack, outcome }) => ack === 'durable' && outcome === 'acknowledged')
  const written = story.told.filter(({ outcome }) => outcome === 'acknowledged')
  const afterCut = await recordsOf(fileSystem.stateAfterCrash({ keep: 'none' }), story)
  if (afterCut !== undefined) checkFound(story, 'a power cut', afterCut, durable)
  const found = await recordsOf(fileSystem, story)
  if (found === undefined) return
  checkFound(story, 'a reopen', found, written)
  if (fileSystem.openPaths.length > 0) problems.push(`left open by a reopen: ${fileSystem.openPaths.join()}`)
  const again = await recordsOf(fileSystem.stateAfterCrash({ keep: 'none' }), story)
  if (again?.records.size !== found.records.size) problems.push('a power cut took what a reopen had shown')
}

interface Found {
  readonly firstLsn: number
  readonly records: ReadonlyMap<number, string>
}

/** What a log holds on a disk that is sound again, once it is recovered. */
async function recordsOf(fileSystem: SimulatedFileSystem, story: Story): Promise<Found | undefined> {
  try {
    // Damage inside a sealed segment is found by reading: so what was damaged is repaired first, as a rule once more.
    if (story.damaged) await repairLog(DIRECTORY, { fileSystem })
    // As openLog does it, without all that is needed for writing: that takes several times as long.
    const claim = await fileSystem.claim(DIRECTORY)
    recover(fileSystem, DIRECTORY)
    const reader = await openLogReader(DIRECTORY, { fileSystem })
    const records = new Map<number, string>()
    for await (const { lsn, data } of reader.read()) records.set(lsn, data.toString())
    await reader.close()
    await claim.release()
    return { firstLsn: reader.firstLsn, records }
  } catch (error) {
    story.problems.push(`it can't be opened any more: ${String(error)}`)
    return undefined
  }
}

/** What is found is what was appended, dense, and nothing that was said not to be there; and all that must be there is. */
function checkFound(story: Story, when: string, found: Found, kept: readonly Told[]): void {
  const { problems, told, trimmedTo } = story
  if (found.firstLsn > trimmedTo) problems.push(`after ${when}: trimmed to ${found.firstLsn}, asked for ${trimmedTo}`)
  let lsn = found.firstLsn
  for (const [at, text] of found.records) {
    if (at !== lsn++) problems.push(`after ${when}: ${at} where ${lsn - 1} was expected`)
    const teller = told.find(({ firstLsn, texts }) => texts[at - firstLsn] === text)
    if (teller === undefined) problems.push(`after ${when}: LSN ${at} is not what was appended`)
    else if (teller.outcome === 'not-written') problems.push(`after ${when}: ${at} was told not to be written`)
    else if (teller.firstLsn >= found.firstLsn) {
      const whole = teller.texts.every((each, index) => found.records.get(teller.firstLsn + index) === each)
      if (!whole) problems.push(`after ${when}: of the records with ${at} only a part is there`)
    }
  }
  checkKept(problems, when, found, kept)
}

function checkKept(problems: string[], when: string, { firstLsn, records }: Found, kept: readonly Told[]): void {
  for (const told of kept) {
    for (const [index, text] of told.texts.entries()) {
      const lsn = told.firstLsn + index
      if (lsn >= firstLsn && records.get(lsn) !== text)
        problems.push(`after ${when}: ${lsn} was acknowledged (${told.ack}), and is gone`)
    }
  }
}
