import { join } from 'node:path'
import { AppBatcher } from './app-batcher.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of classic-level. */
interface Level {
  open(): Promise<void>
  put(key: Buffer, data: Buffer, options: { sync: boolean }): Promise<void>
  batch(operations: readonly Operation[], options: { sync: boolean }): Promise<void>
  close(): Promise<void>
}
interface Operation {
  readonly type: 'put'
  readonly key: Buffer
  readonly value: Buffer
}
interface ClassicLevel {
  readonly ClassicLevel: new (
    location: string,
    options: { keyEncoding: 'buffer'; valueEncoding: 'buffer'; writeBufferSize: number },
  ) => Level
}

// Sixteen times its default, so that it compacts less while it is measured.
const WRITE_BUFFER_BYTES = 64 * 1024 * 1024
const SETTINGS = 'classic-level, sync: true, writeBufferSize 64 MiB'
const COMMON = {
  role: 'embedded',
  // LevelDB syncs its folder only along with a manifest, not when it begins a new log file.
  promise: { text: "survives a power cut, but for a new log file's entry", isP1: false },
  preparation: 'none',
  warmUpSeconds: 0.5,
  whyMissing: () => whyPackageMissing('classic-level'),
} as const

export const classicLevel: Driver = {
  ...COMMON,
  description: `${SETTINGS}: put`,
  async open({ directory }) {
    const level = await openLevel(directory)
    let last = 0
    return {
      kind: 'asynchronous',
      append(record) {
        last += 1
        return level.put(keyOf(last), record, { sync: true })
      },
      close: () => level.close(),
    }
  },
}

export const classicLevelBatched: Driver = {
  ...COMMON,
  description: `${SETTINGS}: all that arrived while the batch before was under way in one batch`,
  async open({ directory }) {
    const level = await openLevel(directory)
    let last = 0
    const putAll = (records: readonly Buffer[]): Promise<void> =>
      level.batch(
        records.map((value) => {
          last += 1
          return { type: 'put', key: keyOf(last), value }
        }),
        { sync: true },
      )
    const batcher = new AppBatcher(putAll)
    return {
      kind: 'asynchronous',
      append: (record) => batcher.append(record),
      appendMany: putAll,
      close: () => level.close(),
    }
  },
}

async function openLevel(directory: string): Promise<Level> {
  const { ClassicLevel } = loadPeer<ClassicLevel>('classic-level')
  const level = new ClassicLevel(join(directory, 'level'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: WRITE_BUFFER_BYTES,
  })
  await level.open()
  return level
}

/** Keys in the order of their numbers. */
function keyOf(number: number): Buffer {
  const key = Buffer.allocUnsafe(8)
  key.writeBigUInt64BE(BigInt(number))
  return key
}
