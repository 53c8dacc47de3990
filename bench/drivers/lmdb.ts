import { join } from 'node:path'
import { syncDirectory } from './directory-sync.js'
import type { Driver, DriverSetting } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of lmdb. */
interface Lmdb {
  open(options: {
    path: string
    encoding: 'binary'
    keyIsUint32: boolean
    separateFlushed: boolean
    overlappingSync: boolean
  }): LmdbStore
}
interface LmdbStore {
  put(key: number, data: Buffer): Promise<boolean> & { readonly flushed: Promise<boolean> }
  close(): Promise<void>
}

const SETTINGS = 'lmdb, binary values under 32-bit keys'
const COMMON = {
  role: 'embedded',
  preparation: 'none',
  warmUpSeconds: 0.5,
  whyMissing: () => whyPackageMissing('lmdb'),
} as const

/** With overlapping syncs, its default on Linux and macOS, `put` resolves once others can see the record. */
export const lmdbPut: Driver = {
  ...COMMON,
  description: `${SETTINGS}, overlappingSync (its default): put`,
  promise: {
    text: 'committed, not durable: a power cut takes what is not flushed yet',
    isP1: false,
    isDurable: false,
  },
  async open(setting) {
    const store = openStore(setting, true)
    let key = 0
    return {
      kind: 'asynchronous',
      append(record) {
        key += 1
        return store.put(key, record)
      },
      close: () => store.close(),
    }
  },
}

export const lmdbFlushed: Driver = {
  ...COMMON,
  description: `${SETTINGS}, overlappingSync and separateFlushed: put, and the flushed promise of its batch`,
  promise: { text: 'P1', isP1: true },
  async open(setting) {
    const store = openStore(setting, true)
    let key = 0
    return {
      kind: 'asynchronous',
      append(record) {
        key += 1
        const put = store.put(key, record)
        // A put that fails is never flushed: both are waited for.
        return Promise.all([put, put.flushed])
      },
      close: () => store.close(),
    }
  },
}

/** What lmdb does on Windows: the commit itself syncs, so that put alone is enough. */
export const lmdbSynced: Driver = {
  ...COMMON,
  description: `${SETTINGS}, overlappingSync: false: put, whose commit syncs`,
  promise: { text: 'P1', isP1: true },
  async open(setting) {
    const store = openStore(setting, false)
    let key = 0
    return {
      kind: 'asynchronous',
      append(record) {
        key += 1
        return store.put(key, record)
      },
      close: () => store.close(),
    }
  },
}

function openStore({ directory }: DriverSetting, overlappingSync: boolean): LmdbStore {
  const store = loadPeer<Lmdb>('lmdb').open({
    path: join(directory, 'log.mdb'),
    encoding: 'binary',
    keyIsUint32: true,
    separateFlushed: overlappingSync,
    overlappingSync,
  })
  syncDirectory(directory)
  return store
}
