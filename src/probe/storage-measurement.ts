import path from 'node:path'
import type { FileSystem } from '../fs/file-system.js'
import { allocatePages, PAGE_BYTES } from '../fs/pages.js'
import type { StorageMeasurement, TimeSpread } from './storage-report.js'

const MIB = 1024 * 1024
const FILE_BYTES = 16 * MIB
/** A large batch: above what the writer fills zeros in for while it is at work. */
export const LARGE_BATCH_BYTES = 128 * 1024
/** Each part of the measurement goes on for so long, with so few or many rounds: a slow disk gets few, a fast one many. */
const PART_MS = 300
const ROUNDS_MIN = 8
const ROUNDS_MAX = 2000

/**
 * Times the calls that the log makes, in a folder that is empty and stays so. It blocks for one or two seconds, on a
 * slow disk for longer. Throws the system's errors as they are.
 */
export function measureStorage(fileSystem: FileSystem, folder: string): StorageMeasurement {
  const region = path.join(folder, 'region')
  const growing = path.join(folder, 'growing')
  const { memory } = allocatePages(MIB)
  memory.fill(0x5a)
  const zeroFillBytesPerSecond = zeroFill(fileSystem, region)
  try {
    const fd = fileSystem.openSync(region, 'write', 'direct')
    try {
      const small = commits(fileSystem, fd, memory.subarray(0, PAGE_BYTES), FILE_BYTES)
      const batch = memory.subarray(0, LARGE_BATCH_BYTES)
      const large = commits(fileSystem, fd, batch, FILE_BYTES)
      const largest = commits(fileSystem, fd, memory, FILE_BYTES)
      return {
        writeMs: spreadOf(small.writesMs),
        syncMs: spreadOf(small.syncsMs),
        commitMs: spreadOf(sums(small)),
        growingCommitMs: spreadOf(growingCommits(fileSystem, growing, memory.subarray(0, PAGE_BYTES))),
        largeCommitMs: spreadOf(sums(large)),
        growingLargeCommitMs: spreadOf(growingCommits(fileSystem, growing, batch)),
        directorySyncMs: spreadOf(renames(fileSystem, folder)),
        bytesPerSecond: (MIB / spreadOf(sums(largest)).p50) * 1000,
        zeroFillBytesPerSecond,
      }
    } finally {
      fileSystem.closeSync(fd)
    }
  } finally {
    fileSystem.removeSync(region)
  }
}

interface CommitTimes {
  readonly writesMs: number[]
  readonly syncsMs: number[]
}

function zeroFill(fileSystem: FileSystem, file: string): number {
  const { memory } = allocatePages(MIB)
  const fd = fileSystem.openSync(file, 'create', 'direct')
  try {
    const startedAt = performance.now()
    for (let position = 0; position < FILE_BYTES; position += MIB) writeAll(fileSystem, fd, memory, position)
    fileSystem.datasyncSync(fd)
    return (FILE_BYTES / (performance.now() - startedAt)) * 1000
  } catch (error) {
    fileSystem.removeSync(file)
    throw error
  } finally {
    fileSystem.closeSync(fd)
  }
}

/** Writes and syncs, round and round below `endBytes`. */
function commits(
  fileSystem: FileSystem,
  fd: number,
  bytes: Buffer,
  endBytes: number,
  roundsMax = ROUNDS_MAX,
): CommitTimes {
  const times: CommitTimes = { writesMs: [], syncsMs: [] }
  let position = 0
  repeat(() => {
    const startedAt = performance.now()
    writeAll(fileSystem, fd, bytes, position)
    const writtenAt = performance.now()
    fileSystem.datasyncSync(fd)
    times.writesMs.push(writtenAt - startedAt)
    times.syncsMs.push(performance.now() - writtenAt)
    position = position + 2 * bytes.length > endBytes ? 0 : position + bytes.length
  }, roundsMax)
  return times
}

function growingCommits(fileSystem: FileSystem, file: string, bytes: Buffer): number[] {
  const fd = fileSystem.openSync(file, 'create', 'direct')
  try {
    return sums(commits(fileSystem, fd, bytes, Number.POSITIVE_INFINITY, FILE_BYTES / bytes.length))
  } finally {
    fileSystem.closeSync(fd)
    fileSystem.removeSync(file)
  }
}

function renames(fileSystem: FileSystem, folder: string): number[] {
  const names = [path.join(folder, 'one'), path.join(folder, 'other')] as const
  const times: number[] = []
  let [from, to] = names
  fileSystem.closeSync(fileSystem.openSync(from, 'create'))
  try {
    repeat(() => {
      fileSystem.renameSync(from, to)
      ;[from, to] = [to, from]
      const startedAt = performance.now()
      fileSystem.syncDirectorySync(folder)
      times.push(performance.now() - startedAt)
    })
  } finally {
    fileSystem.removeSync(from)
  }
  return times
}

function writeAll(fileSystem: FileSystem, fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const written = fileSystem.writeSync(fd, bytes, done, bytes.length - done, position + done)
    if (written <= 0) throw new Error(`a write took ${written} of ${bytes.length - done} bytes`)
    done += written
  }
}

function repeat(round: () => void, roundsMax = ROUNDS_MAX): void {
  const until = performance.now() + PART_MS
  for (
    let rounds = 0;
    rounds < Math.min(roundsMax, ROUNDS_MAX) && (rounds < ROUNDS_MIN || performance.now() < until);
    rounds++
  )
    round()
}

function sums({ writesMs, syncsMs }: CommitTimes): number[] {
  return writesMs.map((writeMs, index) => writeMs + (syncsMs[index] ?? 0)) // Both have an entry a round.
}

/** The smallest times that half, and 99 in 100, of the measurements don't exceed. */
function spreadOf(timesMs: readonly number[]): TimeSpread {
  const sorted = Float64Array.from(timesMs).sort()
  const at = (percent: number): number =>
    sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(50), p99: at(99), max: at(100), count: sorted.length }
}
