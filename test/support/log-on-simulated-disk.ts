import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { type BuiltLog, buildLog, type LogPlan } from './build-log.js'
import { DIRECTORY } from './memory-log.js'

/** Puts a log on a simulated disk, durable to the last byte; `change` may spoil the files first. */
export function logOnSimulatedDisk(
  plan: LogPlan,
  change: ((built: BuiltLog) => void) | undefined,
  seed: number,
): SimulatedFileSystem {
  const built = buildLog(plan)
  change?.(built)
  const fs = new SimulatedFileSystem({ seed })
  fs.makeDirectorySync(DIRECTORY)
  fs.syncDirectorySync('/')
  for (const [name, bytes] of built.files) {
    const fd = fs.openSync(`${DIRECTORY}/${name}`, 'create')
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, at)
    fs.datasyncSync(fd)
    fs.closeSync(fd)
  }
  fs.syncDirectorySync(DIRECTORY)
  return fs
}
