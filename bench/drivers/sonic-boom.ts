import { once } from 'node:events'
import { join } from 'node:path'
import { AppBatcher } from './app-batcher.js'
import { syncDirectory } from './directory-sync.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of sonic-boom. */
interface SonicBoom {
  once(event: 'ready' | 'close', listener: () => void): this
  once(event: 'error', listener: (error: Error) => void): this
  write(record: Buffer): boolean
  flush(callback: (error?: Error | null) => void): void
  end(): void
}
type SonicBoomClass = new (options: {
  dest: string
  contentMode: 'buffer'
  sync: boolean
  fsync: boolean
  minLength: number
  maxWrite: number
}) => SonicBoom

/** More than any batch has: nothing is written until it is flushed, and then in one write. */
const BATCH_BYTES_MAX = 256 * 1024 * 1024

export const sonicBoom: Driver = {
  role: 'embedded',
  description:
    'sonic-boom, sync and fsync: all that arrived in a turn of the event loop in one write and one fsync, by flush, which blocks it',
  promise: { text: 'P1, but a record may be torn', isP1: true, tearsRecords: true },
  preparation: 'none',
  // With many producers it is nearly twice as fast in its first second as it is for as long as it runs after that.
  warmUpSeconds: 1.5,
  whyMissing: () => whyPackageMissing('sonic-boom'),
  async open({ directory }) {
    const SonicBoomHere = loadPeer<SonicBoomClass>('sonic-boom')
    const sonic = new SonicBoomHere({
      dest: join(directory, 'records'),
      contentMode: 'buffer',
      sync: true,
      fsync: true,
      minLength: BATCH_BYTES_MAX - 1,
      maxWrite: BATCH_BYTES_MAX,
    })
    syncDirectory(directory)
    const batcher = new AppBatcher(
      (records) =>
        new Promise<void>((resolve, reject) => {
          for (const record of records) sonic.write(record)
          sonic.flush((error) => (error ? reject(error) : resolve()))
        }),
    )
    return {
      kind: 'asynchronous',
      append: (record) => batcher.append(record),
      async close() {
        // Its types say nothing of being an EventEmitter, which it is.
        const closed = once(sonic as unknown as NodeJS.EventEmitter, 'close')
        sonic.end()
        await closed
      },
    }
  },
}
