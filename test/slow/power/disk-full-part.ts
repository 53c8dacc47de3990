import { closeSync, ftruncateSync, openSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { Load } from './load.js'
import { Generations } from './load-record.js'
import { checkLog } from './log-check.js'
import { command, makeImage, mountImage, mountTmpfs, unmount } from './mounts.js'
import { type Run, scaled } from './run.js'

const MIB = 1024 * 1024
const SMALL_DISK_MIB = 24
/** What is left beside the ballast at first. */
const FREE_BYTES = 8 * MIB
/** What is taken off the ballast each time. */
const ROOM_BYTES = 4 * MIB
const TIMES_FULL = 3
const TRIALS = 4

/**
 * Disks that really fill up. What the documents allow: appends that are rejected as not written, after a rollback, and work
 * again once there is room; or, where the disk says it at a sync only, a log that has latched itself.
 */
export async function diskFull(run: Run): Promise<void> {
  const tmpfs = run.newPath('small-tmpfs')
  mountTmpfs(tmpfs, `${SMALL_DISK_MIB}m`)
  await fillUp(run, 'tmpfs', tmpfs)
  await unmount(tmpfs)
  for (const kind of run.kinds) {
    const image = makeImage(run.newPath('image'), kind)
    const where = run.newPath(`small-${kind.name}`)
    mountImage(image, where, kind)
    await fillUp(run, kind.name, where)
    await unmount(where)
    rmSync(image)
  }
}

async function fillUp(run: Run, on: string, where: string): Promise<void> {
  const totals = { full: 0, rollbacks: 0, refused: 0, latched: 0, checked: 0, lost: 0 }
  const problems: string[] = []
  const reasons: string[] = []
  const trials = scaled(run, TRIALS)
  for (let trial = 0; trial < trials; trial++) {
    const directory = join(where, `log-${trial}`)
    const isKilled = trial % 2 === 1
    const ballast = makeBallast(where)
    const generation = run.nextGeneration()
    const load = new Load(run.folder, {
      directory,
      seed: run.settings.seed,
      generation,
      policy: 'batch',
      producers: 8,
      segmentBytes: MIB,
      // Those are given up before a record is.
      preparedSegments: trial < trials / 2 ? 0 : 3,
      largestRecordBytes: 60_000,
      trims: false,
    })
    for (let times = 0; times < TIMES_FULL; times++) {
      const line = await load.until('full')
      if (line !== 'full') break
      totals.full++
      const isLast = times === TIMES_FULL - 1
      if (isLast && isKilled) break
      ballast.shrink()
      load.tell(isLast ? 'stop' : 'room')
    }
    let latched = false
    if (isKilled) await load.kill()
    else {
      const summary = await load.summary()
      const { outcomes, refusal, closing } = summary
      latched = refusal !== undefined
      totals.rollbacks += summary.rollbacks
      totals.refused += outcomes['SLUICE_DISK_FULL/not-written'] ?? 0
      if (latched) {
        totals.latched++
        reasons.push(summary.failure ?? '')
      }
      const allowed = latched
        ? ['SLUICE_COMMIT_FAILED/indeterminate', 'SLUICE_COMMIT_FAILED/not-written', 'SLUICE_FAILED']
        : []
      const odd = Object.keys(outcomes).filter(
        (outcome) => !['durable', 'written', 'SLUICE_DISK_FULL/not-written', ...allowed].includes(outcome),
      )
      const isWrong = latched
        ? refusal !== 'SLUICE_FAILED' || !/ENOSPC|EDQUOT/.test(summary.failure ?? '')
        : summary.rollbacks === 0 || outcomes['SLUICE_DISK_FULL/not-written'] === undefined
      if (odd.length > 0 || isWrong || closing !== undefined) problems.push(JSON.stringify(summary))
    }
    ballast.remove()
    const acknowledged = load.acknowledged()
    // What was acknowledged as written survives a full disk, and the process; not a sync that failed.
    const durable = latched ? acknowledged.durable : Math.max(acknowledged.durable, acknowledged.written)
    const result = await checkLog(directory, {
      records: run.records,
      generations: generationsOf(generation, load.lines),
      before: { ...acknowledged, durable },
      after: acknowledged,
      generation: run.nextGeneration(),
    })
    totals.checked += result.checked
    totals.lost += result.lost
    problems.push(...result.problems.map((problem) => `trial ${trial}: ${problem}`))
    rmSync(directory, { recursive: true })
  }
  if (totals.full === 0) problems.push('the disk was never full')
  const { full, rollbacks, refused, latched, checked, lost } = totals
  run.add({
    part: 'disk full',
    on,
    tried: `${full} times full, ${rollbacks} rollbacks, ${refused} appends refused, latched in ${latched} of ${trials} trials${reasons.map((reason) => ` (${reason})`).join('')}`,
    checked,
    lost,
    problems,
  })
}

/** What a process with rollbacks said of its generations. */
function generationsOf(first: number, lines: readonly string[]): Generations {
  const generations = new Generations([{ fromLsn: 1, generation: first }])
  for (const line of lines) {
    const [word, generation, fromLsn] = line.split(' ')
    if (word === 'generation') generations.begin(Number(generation), Number(fromLsn))
  }
  return generations
}

/** A file that takes up most of a disk. */
function makeBallast(where: string): { shrink(): void; remove(): void } {
  const path = join(where, 'ballast')
  const { bavail, bsize } = statfsSync(where)
  let bytes = Math.floor((bavail * bsize - FREE_BYTES) / MIB) * MIB
  command('fallocate', '-l', `${bytes}`, path)
  return {
    shrink() {
      bytes = Math.max(0, bytes - ROOM_BYTES)
      const fd = openSync(path, 'r+')
      ftruncateSync(fd, bytes)
      closeSync(fd)
      command('sync', '-f', where) // btrfs gives the room back with its next transaction.
    },
    remove() {
      rmSync(path)
      command('sync', '-f', where)
    },
  }
}
