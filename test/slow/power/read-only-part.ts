import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SluiceError } from '../../../src/errors.js'
import { openLogReader } from '../../../src/log/log-reader.js'
import { openLog } from '../../../src/log/open-log.js'
import { VolatileDiskProcess } from './disks.js'
import type { FileSystemKind } from './file-system-kinds.js'
import { Load } from './load.js'
import { Generations } from './load-record.js'
import { checkLog } from './log-check.js'
import { command, makeImage, mountImage, unmount } from './mounts.js'
import { hasFuse, type Run } from './run.js'

/** A mount that can't be written to from the beginning, and one that the kernel makes so under an open log. */
export async function readOnly(run: Run): Promise<void> {
  if (!hasFuse(run, 'read-only')) return
  for (const kind of run.kinds) await tryOn(run, kind)
}

async function tryOn(run: Run, kind: FileSystemKind): Promise<void> {
  const problems: string[] = []
  const folder = run.newPath('disk')
  const where = join(run.folder, 'mounted')
  mkdirSync(folder)
  const disk = await VolatileDiskProcess.start(makeImage(run.newPath('image'), kind), folder)
  mountImage(disk.path, where, kind)
  const directory = join(where, 'log')
  const generation = run.nextGeneration()
  const load = new Load(run.folder, {
    directory,
    generation,
    seed: run.settings.seed,
    policy: 'batch',
    producers: 4,
    segmentBytes: 256 * 1024,
    largestRecordBytes: 60_000,
    trims: false,
  })
  await load.until('ready')
  // While the log has a file open, the kernel does not let anybody do it; after an error it does it by itself.
  if (canRemount(where, 'ro')) problems.push('a mount with an open log was made read-only')
  await disk.order({ kind: 'trouble', what: 'write', after: 100 })
  const summary = await load.summary()
  if (summary.refusal !== 'SLUICE_FAILED') problems.push(`the log has not latched itself: ${JSON.stringify(summary)}`)
  const became = /\bro\b/.test(optionsOf(where)) ? 'read-only' : 'no longer usable'
  const acknowledged = load.acknowledged()
  const whileFailed = await readAll(directory)
  const liveRead =
    typeof whileFailed === 'string' ? `a reader was told ${whileFailed}` : `${whileFailed} records were readable there`
  const cut = run.newPath('cut')
  const { tornUnitBytes } = kind
  const { boardPath } = load
  await disk.cut({ path: cut, moment: 'now', manner: 'lost', seed: 0, tornUnitBytes, board: boardPath })
  await unmount(where)
  await disk.stop()
  mountImage(cut, where, kind)
  const result = await checkLog(directory, {
    records: run.records,
    generations: new Generations([{ fromLsn: 1, generation }]),
    before: acknowledged,
    after: acknowledged,
    generation: run.nextGeneration(),
  })
  problems.push(...result.problems)
  if (!canRemount(where, 'ro')) problems.push('a mount that nobody uses can’t be made read-only')
  const refusal = await openLog(directory).then(
    async (log) => {
      await log.close()
      return 'nothing'
    },
    (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
  )
  if (!['SLUICE_IO', 'SLUICE_LOCK_UNAVAILABLE'].includes(refusal)) problems.push(`openLog was told ${refusal}`)
  const readable = await readAll(directory)
  if (readable !== result.lastLsn) problems.push(`a reader found ${readable}, and ${result.lastLsn} is the last`)
  await unmount(where)
  rmSync(cut)
  run.add({
    part: 'read-only',
    on: kind.name,
    tried: `became ${became} under an open log: latched, and ${liveRead}; mounted so: openLog rejects with ${refusal}, a reader reads all`,
    checked: result.checked,
    lost: result.lost,
    problems,
  })
}

function canRemount(where: string, how: 'ro' | 'rw'): boolean {
  try {
    command('mount', '-o', `remount,${how}`, where)
    return true
  } catch {
    return false
  }
}

function optionsOf(where: string): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[1] === where)
  return line?.split(' ')[3] ?? ''
}

/** How many records a reader finds; or the code of its error. */
async function readAll(directory: string): Promise<number | string> {
  try {
    const reader = await openLogReader(directory)
    let count = 0
    try {
      for await (const _ of reader.read()) count++
    } finally {
      await reader.close()
    }
    return count
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error)
  }
}
