import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VolatileDiskProcess } from './disks.js'
import type { FileSystemKind } from './file-system-kinds.js'
import { Load } from './load.js'
import { DURABLE_POLICIES, type LoadOrder, type LoadSummary } from './load-orders.js'
import { Generations } from './load-record.js'
import { type CheckResult, checkLog } from './log-check.js'
import { makeImage, mountImage, unmount } from './mounts.js'
import { findProgram, hasFuse, type Run, scaled } from './run.js'

const DISK_TRIALS = 3
const STRACE_TRIALS = 4
const PAUSE_MS = 150

interface Totals {
  trials: number
  latched: number
  indeterminate: number
  notWritten: number
  checked: number
  lost: number
  readonly problems: string[]
}

/** EIO from a disk that fails for good, through a whole file system; and from the system calls themselves. */
export async function ioErrors(run: Run): Promise<void> {
  if (hasFuse(run, 'EIO from a disk')) for (const kind of run.kinds) await failingDisk(run, kind)
  if (findProgram('strace') === undefined)
    run.skip('EIO from system calls: there is no strace (Debian: apt install strace)')
  else for (const call of ['fdatasync', 'fsync', 'pwrite64']) await failingCall(run, call)
}

/** The disk answers every write, or every flush, with an error; then the power goes, and with it what was not flushed. */
async function failingDisk(run: Run, kind: FileSystemKind): Promise<void> {
  const { random } = run
  const totals = newTotals()
  const folder = run.newPath('disk')
  const where = join(run.folder, 'mounted')
  mkdirSync(folder)
  for (const what of ['write', 'flush'] as const) {
    for (let trial = scaled(run, DISK_TRIALS); trial > 0; trial--) {
      const disk = await VolatileDiskProcess.start(makeImage(run.newPath('image'), kind), folder)
      mountImage(disk.path, where, kind)
      const order = orderFor(run, join(where, 'log'))
      const load = new Load(run.folder, order)
      await load.until('ready')
      await delay(random.below(PAUSE_MS))
      await disk.order({ kind: 'trouble', what, after: random.below(10) })
      const summary = await load.summary()
      const image = run.newPath('cut')
      const { tornUnitBytes } = kind
      const cut = { path: image, moment: 'now', manner: 'lost', seed: 0, tornUnitBytes, board: load.boardPath } as const
      await disk.cut(cut)
      await unmount(where)
      await disk.stop()
      mountImage(image, where, kind)
      count(totals, summary, await check(run, load, order), `${what}: `, true)
      await unmount(where)
      rmSync(image)
    }
  }
  add(run, kind.name, 'a disk that fails and then loses power', totals)
}

/** strace makes one call fail; those after it succeed, and must not be taken for proof of anything. */
async function failingCall(run: Run, call: string): Promise<void> {
  const totals = newTotals()
  const where = run.newPath('failing-call')
  mkdirSync(where)
  for (let trial = scaled(run, STRACE_TRIALS); trial > 0; trial--) {
    const order = orderFor(run, join(where, `log-${trial}`))
    const nth = 1 + run.random.below(call === 'fsync' ? 8 : 60)
    const inject = `inject=${call}:error=EIO:when=${nth}`
    const load = new Load(run.folder, order, [
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      `trace=${call}`,
      '-e',
      inject,
    ])
    await load.until('ready')
    // Where the call that fails is none that matters, nothing ends the load.
    await Promise.race([load.until('summary'), delay(1500)])
    const summary = await load.stop()
    count(totals, summary, await check(run, load, order), `${call} ${nth}, ${order.policy}: `, false)
  }
  rmSync(where, { recursive: true })
  if (totals.latched === 0) totals.problems.push('no log has latched itself')
  add(run, 'strace', `one ${call} that fails`, totals)
}

function orderFor(run: Run, directory: string): Omit<LoadOrder, 'board'> {
  return {
    directory,
    policy: DURABLE_POLICIES[run.random.below(DURABLE_POLICIES.length)] ?? 'batch',
    seed: run.settings.seed,
    generation: run.nextGeneration(),
    producers: 1 + run.random.below(24),
    segmentBytes: 256 * 1024,
    largestRecordBytes: 60_000,
    trims: false,
  }
}

function check(run: Run, load: Load, order: Omit<LoadOrder, 'board'>): Promise<CheckResult> {
  const acknowledged = load.acknowledged()
  return checkLog(order.directory, {
    records: run.records,
    generations: new Generations([{ fromLsn: 1, generation: order.generation }]),
    before: acknowledged,
    after: acknowledged,
    generation: run.nextGeneration(),
  })
}

function newTotals(): Totals {
  return { trials: 0, latched: 0, indeterminate: 0, notWritten: 0, checked: 0, lost: 0, problems: [] }
}

const DOCUMENTED = [
  'durable',
  'written',
  'SLUICE_COMMIT_FAILED/indeterminate',
  'SLUICE_COMMIT_FAILED/not-written',
  'SLUICE_FAILED',
]

function count(totals: Totals, summary: LoadSummary, result: CheckResult, told: string, mustLatch: boolean): void {
  const { outcomes, refusal, closing } = summary
  const hasLatched = refusal !== undefined
  const isOdd = Object.keys(outcomes).some((outcome) => !DOCUMENTED.includes(outcome))
  const isWrong = hasLatched
    ? !['SLUICE_FAILED', 'SLUICE_IO'].includes(refusal)
    : mustLatch || outcomes['SLUICE_COMMIT_FAILED/indeterminate'] !== undefined
  if (isOdd || isWrong || closing !== undefined) totals.problems.push(`${told}${JSON.stringify(summary)}`)
  totals.trials++
  if (refusal === 'SLUICE_FAILED') totals.latched++
  totals.indeterminate += outcomes['SLUICE_COMMIT_FAILED/indeterminate'] ?? 0
  totals.notWritten += outcomes['SLUICE_COMMIT_FAILED/not-written'] ?? 0
  totals.checked += result.checked
  totals.lost += result.lost
  totals.problems.push(...result.problems.map((problem) => `${told}${problem}`))
}

function add(run: Run, on: string, what: string, totals: Totals): void {
  const { trials, latched, indeterminate, notWritten, checked, lost, problems } = totals
  const tried = `${what}: ${latched} of ${trials} logs latched, ${indeterminate} appends indeterminate, ${notWritten} not written`
  run.add({ part: 'EIO', on, tried, checked, lost, problems })
}
