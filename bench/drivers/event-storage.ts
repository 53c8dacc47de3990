import { AppBatcher } from './app-batcher.js'
import { syncDirectory } from './directory-sync.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of event-storage. */
interface Storage {
  open(): boolean
  write(document: string, callback: () => void): number
  close(): void
}
interface EventStorage {
  readonly Storage: new (
    name: string,
    config: {
      dataDirectory: string
      syncOnFlush: boolean
      writeBufferSize: number
      serializer: { serialize(document: string): string; deserialize(data: string): string }
    },
  ) => Storage
}

/** A larger document than four fifths of it is written without a sync; its default is 16 KiB. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024

export const eventStorage: Driver = {
  role: 'embedded',
  description:
    'event-storage, syncOnFlush, writeBufferSize 4 MiB, strings stored as they are: what arrived in a turn is flushed together, which blocks the event loop',
  // The index, which leads to a document, is flushed up to 100 ms later than the document.
  promise: {
    text: 'the bytes survive a power cut; the index, which leads to them, comes up to 100 ms later',
    isP1: false,
  },
  preparation: 'none',
  warmUpSeconds: 0.5,
  whyMissing: () => whyPackageMissing('event-storage'),
  async open({ directory }) {
    const { Storage } = loadPeer<EventStorage>('event-storage')
    const storage = new Storage('log', {
      dataDirectory: directory,
      syncOnFlush: true,
      writeBufferSize: WRITE_BUFFER_BYTES,
      serializer: { serialize: (document) => document, deserialize: (data) => data },
    })
    storage.open()
    syncDirectory(directory)
    // It flushes before the event loop turns, and calls back then: in a closed loop of appends that would never turn.
    const batcher = new AppBatcher(
      (records) =>
        new Promise<void>((resolve) => {
          let left = records.length
          for (const record of records) {
            // It stores text; the records of the benchmark are ASCII, so that none becomes longer by it.
            storage.write(record.toString('latin1'), () => {
              left -= 1
              if (left === 0) resolve()
            })
          }
        }),
    )
    return {
      kind: 'asynchronous',
      append: (record) => batcher.append(record),
      async close() {
        storage.close()
      },
    }
  },
}
