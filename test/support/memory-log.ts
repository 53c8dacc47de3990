import { type BuiltLog, type BuiltSegment, buildLog, type LogPlan } from './build-log.js'
import { MemoryFileSystem } from './memory-file-system.js'

/** The folder that the logs of these tests lie in. */
export const DIRECTORY = '/log'

/** Puts a log into a file system of its own; `change` may spoil the files first. */
export function memoryLog(
  plan: LogPlan,
  change: (built: BuiltLog) => void = () => {},
): { fs: MemoryFileSystem; built: BuiltLog } {
  const built = buildLog(plan)
  change(built)
  const fs = new MemoryFileSystem('/', DIRECTORY)
  for (const [name, bytes] of built.files) fs.put(`${DIRECTORY}/${name}`, bytes)
  return { fs, built }
}

/** The n-th segment, counted from the end where n is negative. */
export function segmentOf(built: BuiltLog, n: number): BuiltSegment {
  const segment = built.segments.at(n)
  if (segment === undefined) throw new RangeError(`there is no segment ${n}`)
  return segment
}

/** The n-th frame of a segment, counted from the end where n is negative. */
export function frameOf(segment: BuiltSegment, n: number): BuiltSegment['frames'][number] {
  const frame = segment.frames.at(n)
  if (frame === undefined) throw new RangeError(`there is no frame ${n}`)
  return frame
}

/** Flips one bit. */
export function flip(bytes: Buffer, at: number, bit = 0): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
}

/** Puts other bytes in place of a segment's file. */
export function replaceFile(built: BuiltLog, segment: BuiltSegment, bytes: Buffer): void {
  built.files.set(segment.name, bytes)
}
