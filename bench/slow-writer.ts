// The entry of a writer's thread over a disk that is slow: a data sync takes at least the milliseconds of SLUICE_BENCH_SYNC_MS.
import { nodeFileSystem } from '../src/fs/node-file-system.js'
import { type WriterTask, type WriterTaskResult, WriterThread } from '../src/writer/writer-thread.js'

const syncMs = Number(process.env['SLUICE_BENCH_SYNC_MS'])
if (!(syncMs > 0)) throw new Error(`SLUICE_BENCH_SYNC_MS must be a positive number, not ${syncMs}`)
const cell = new Int32Array(new SharedArrayBuffer(4))

const thread = new WriterThread({
  ...nodeFileSystem,
  datasyncSync(fd) {
    const untilMs = performance.now() + syncMs
    nodeFileSystem.datasyncSync(fd)
    Atomics.wait(cell, 0, 0, Math.max(0, untilMs - performance.now()))
  },
})

export default function handle(task: WriterTask): Promise<WriterTaskResult> {
  return thread.handle(task)
}
