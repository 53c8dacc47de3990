import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../src/testing/random.js'
import type { Acknowledged } from './ack-board.js'
import type { CutMoment } from './disk-orders.js'
import type { CuttableDisk } from './disks.js'
import type { FileSystemKind } from './file-system-kinds.js'
import { Load } from './load.js'
import { DURABLE_POLICIES, type LoadPolicy, segmentsOf } from './load-orders.js'
import { Generations } from './load-record.js'
import { type CheckResult, checkLog } from './log-check.js'
import { copyImage, makeImage, mountImage, unmount } from './mounts.js'
import type { Run } from './run.js'
import { CUT_MANNERS, type CutManner } from './volatile-disk.js'

/** What the power cuts of one kind, on one file system, came to. */
export interface CutTotals {
  cuts: number
  /** Of them, those at which something was missing that had been written. */
  cutsWithMissingWrites: number
  missingWrites: number
  torn: number
  rewritten: number
  checked: number
  lost: number
  /** Cuts after which something was not as promised. */
  broken: number
  readonly problems: string[]
}

/** What the next process is to find, and the image on which it is. */
interface Remains {
  readonly image: string
  readonly generations: Generations
  readonly promised: Acknowledged
  readonly lastLsn: number
}

/** A power cut: what it left, and what had been acknowledged on both sides of it. */
interface Moment {
  readonly image: string
  readonly manner: CutManner
  readonly before: Acknowledged
  readonly after: Acknowledged
}

export interface CutPlan {
  readonly start: (image: string) => Promise<CuttableDisk>
  readonly rounds: number
  readonly cutsPerRound: number
  readonly manners?: readonly CutManner[]
  readonly policies?: readonly LoadPolicy[]
  /** For a canary, see `LoadOrder`. */
  readonly claimsTooMuch?: boolean
  /** Done to the disk once the log is open. */
  readonly sabotage?: (disk: CuttableDisk) => Promise<void>
}

const NOTHING: Acknowledged = { durable: 0, written: 0, accepted: 0, trimmed: 0, trimTarget: 0 }
/** Cuts come at a random moment within this time after the one before. */
const PAUSE_MS = 120
const OPENING_MS = 30

/**
 * Rounds of: start a disk with what the last round left, mount it, append under load, cut the power again and again, kill
 * the process, and check what each cut left. One of these is what the next round goes on with: at times as the cut left it,
 * so that recovery itself is cut off too.
 */
export async function cutPower(run: Run, kind: FileSystemKind, plan: CutPlan): Promise<CutTotals> {
  const totals: CutTotals = {
    cuts: 0,
    cutsWithMissingWrites: 0,
    missingWrites: 0,
    torn: 0,
    rewritten: 0,
    checked: 0,
    lost: 0,
    broken: 0,
    problems: [],
  }
  const folder = run.newPath('cuts')
  mkdirSync(folder)
  let remains = emptyRemains(run, kind)
  for (let round = 0; round < plan.rounds; round++) {
    const { moments, generations } = await loadAndCut(run, kind, plan, remains, round, totals)
    rmSync(remains.image)
    const chosen = run.random.below(Math.max(1, moments.length))
    let next: Remains | undefined
    for (const [index, moment] of moments.entries()) {
      const left = await judge(run, kind, moment, generations.copy(), totals, index === chosen)
      if (index === chosen) next = left
      else rmSync(moment.image)
    }
    remains = next ?? emptyRemains(run, kind)
  }
  rmSync(remains.image)
  rmSync(folder, { recursive: true })
  return totals
}

function emptyRemains(run: Run, kind: FileSystemKind): Remains {
  const image = makeImage(run.newPath('image'), kind)
  return { image, generations: new Generations(), promised: NOTHING, lastLsn: 0 }
}

async function loadAndCut(
  run: Run,
  kind: FileSystemKind,
  plan: CutPlan,
  remains: Remains,
  round: number,
  totals: CutTotals,
): Promise<{ moments: Moment[]; generations: Generations }> {
  const { random } = run
  const policies = plan.policies ?? DURABLE_POLICIES
  const policy = policies[(round + random.below(2)) % policies.length] ?? 'batch'
  const where = join(run.folder, 'mounted')
  const disk = await plan.start(remains.image)
  mountImage(disk.path, where, kind)
  const generation = run.nextGeneration()
  const generations = remains.generations.copy()
  generations.begin(generation, remains.lastLsn + 1)
  const load = new Load(run.folder, {
    directory: logIn(where),
    seed: run.settings.seed,
    generation,
    policy,
    producers: 1 + random.below(24),
    ...segmentsOf(random),
    largestRecordBytes: 60_000,
    trims: true,
    ...(plan.claimsTooMuch === true ? { claimsTooMuch: true } : {}),
  })
  const isEarly = plan.sabotage === undefined && plan.claimsTooMuch !== true && random.below(3) === 0
  const awaited = isEarly ? 'opening' : 'ready'
  const line = await load.until(awaited)
  if (line?.startsWith(awaited) !== true) totals.problems.push(`${policy}: it does not open: ${line}`)
  else if (!isEarly && line !== `ready ${remains.lastLsn + 1}`) {
    totals.problems.push(`${policy}: ${line}, and ${remains.lastLsn} was found last by another process`)
  }
  await plan.sabotage?.(disk)
  const moments: Moment[] = []
  for (let index = 0; index < plan.cutsPerRound; index++) {
    await delay(random.below(isEarly ? OPENING_MS : PAUSE_MS))
    const manners = plan.manners ?? CUT_MANNERS
    const manner = manners[random.below(manners.length)] ?? 'lost'
    const image = run.newPath('cut')
    const { missing, acknowledged } = await disk.cut({
      path: image,
      moment: someMoment(random),
      manner,
      seed: random.next(),
      tornUnitBytes: kind.tornUnitBytes,
      board: load.boardPath,
    })
    const before = highest(remains.promised, acknowledged)
    const after = highest(remains.promised, load.acknowledged())
    moments.push({ image, manner, before, after })
    totals.cuts++
    totals.missingWrites += missing
    if (missing > 0) totals.cutsWithMissingWrites++
  }
  await load.kill()
  await unmount(where)
  await disk.stop()
  return { moments, generations }
}

function someMoment(random: Random): CutMoment {
  const kind = random.below(8)
  if (kind === 0) return 'now'
  if (kind === 1) return 'after-flush'
  return kind < 5 ? 'before-flush' : { afterWrites: 1 + random.below(30) }
}

/** Mounts what a power cut left, checks the log in it, and returns what another process is to find. */
async function judge(
  run: Run,
  kind: FileSystemKind,
  { image, manner, before, after }: Moment,
  generations: Generations,
  totals: CutTotals,
  isKept: boolean,
): Promise<Remains | undefined> {
  const where = join(run.folder, 'mounted')
  const told = (problem: string): string => `${kind.name}, ${manner}: ${problem}`
  const rawImage = isKept && run.random.below(2) === 0 ? copyImage(image, run.newPath('raw')) : undefined
  try {
    mountImage(image, where, kind)
  } catch (error) {
    totals.broken++
    totals.problems.push(told(`it can't be mounted: ${error}`))
    return undefined
  }
  const rawGenerations = generations.copy()
  const expectation = { records: run.records, generations, before, after, generation: run.nextGeneration() }
  const result = await checkLog(logIn(where), expectation)
  await unmount(where)
  count(totals, result)
  if (result.problems.length > 0) {
    totals.broken++
    totals.problems.push(...result.problems.map(told))
    if (rawImage !== undefined) rmSync(rawImage)
    return undefined
  }
  const { lastLsn, foundLsn } = result
  const { trimTarget } = after
  if (rawImage !== undefined) {
    rmSync(image)
    const promised = { ...before, accepted: foundLsn, trimTarget }
    return { image: rawImage, generations: rawGenerations, promised, lastLsn: foundLsn }
  }
  const promised = { durable: lastLsn, written: lastLsn, accepted: lastLsn, trimmed: before.trimmed, trimTarget }
  return { image, generations, promised, lastLsn }
}

function count(totals: CutTotals, result: CheckResult): void {
  totals.checked += result.checked
  totals.lost += result.lost
  totals.rewritten += result.rewritten
  if (result.torn) totals.torn++
}

/** In folders that `openLog` has to make. */
function logIn(mounted: string): string {
  return join(mounted, 'services', 'orders')
}

function highest(one: Acknowledged, other: Acknowledged): Acknowledged {
  return {
    durable: Math.max(one.durable, other.durable),
    written: Math.max(one.written, other.written),
    accepted: Math.max(one.accepted, other.accepted),
    trimmed: Math.max(one.trimmed, other.trimmed),
    trimTarget: Math.max(one.trimTarget, other.trimTarget),
  }
}
