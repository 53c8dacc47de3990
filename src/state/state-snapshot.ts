import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { SluiceError } from '../errors.js'
import { openSnapshot, writeSnapshot } from '../snapshot/snapshot-file.js'
import type { SnapshotFileSystem, SnapshotPlace } from '../snapshot/snapshot-place.js'
import { type BackupName, backupName } from './backup-name.js'
import type { Dump } from './dump.js'
import { parsedBytes } from './json-text.js'
import type { Pace } from './pace.js'
import { decodeEntries, SnapshotBlock, type SnapshotEntry } from './snapshot-block.js'

/*
 * A snapshot of the state is a snapshot file (docs/FORMAT.md) whose first block is a JSON object that says what it is:
 *
 *     {"state":1,"lsn":42,"schema":1,"time":1700000000000,"created":1700000000001,"entries":2,"gzip":false,"replaced":[[7,1690000000000]]}
 *
 * In each other block there are, behind the length of the index in bytes, an index and the values that it speaks of, one behind the other:
 *
 *     0        4                                            4 + index bytes
 *     ┌────────┬────────────────────────────────────────────┬──────────────────────┐
 *     │ index  │ ["key",version,length,"key",version,…]     │ value value value …  │
 *     │ bytes  │                                            │                      │
 *     └────────┴────────────────────────────────────────────┴──────────────────────┘
 *
 * The lengths are those of the values as JSON, in UTF-16 code units: so opening need not parse the values, but takes the
 * bytes of a block apart, or, where it is not all ASCII, its text. Where the head says gzip, each of the other blocks is compressed for itself.
 */

/** By the LSN of a snapshot: the time of the first write behind it, in milliseconds since the epoch. */
export type ReplacedAt = ReadonlyMap<number, number>

/** The first block. */
export interface SnapshotHead {
  readonly lsn: number
  readonly schema: number
  /** The time of the last record in it: milliseconds since the epoch. */
  readonly time: number
  /** When it was made. */
  readonly created: number
  readonly entries: number
  readonly gzip: boolean
  /** Of the older snapshots that were there when it was made. */
  readonly replaced: ReplacedAt
}

/** The form of what this describes: a higher one is a newer sluice's. */
const FORM = 1

const pack = promisify(gzip)
const unpack = promisify(gunzip)

/** Writes a dump into a snapshot; resolves to its bytes. Progress is told after each block. */
export function writeStateSnapshot<V>(
  place: SnapshotPlace,
  head: SnapshotHead,
  dump: Dump<V>,
  pace: Pace,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<number> {
  return writeSnapshot(place, blocks(), signal)

  async function* blocks(): AsyncGenerator<Buffer> {
    yield encodeHead(head)
    const block = new SnapshotBlock()
    for (;;) {
      const slice = pace.slice(
        () => {
          const entry = dump.next()
          return entry && block.add(entry)
        },
        (length) => length,
      )
      if (slice.length === 0) break
      yield block.take()
      onProgress()
      await pace.pause()
    }
    // Before the snapshot gets its name, and the log is trimmed by it.
    if (dump.taken !== dump.entries) throw new Error(`a dump of ${dump.entries} entries gave ${dump.taken}`)
  }
}

/** The first block alone. Rejects with `SLUICE_CORRUPT`, `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`. */
export async function readSnapshotHead(place: SnapshotPlace): Promise<SnapshotHead> {
  for await (const block of await blocksOf(place)) return decodeHead(place, block)
  throw corrupt(place, 'has no block')
}

/**
 * Reads a snapshot, an entry at a time. What it gives counts only once it resolves: before that, it may find damage. Rejects with
 * `SLUICE_CORRUPT`, `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`.
 */
export async function readStateSnapshot(place: SnapshotPlace, onEntry: SnapshotEntry): Promise<SnapshotHead> {
  let head: SnapshotHead | undefined
  let entries = 0
  for await (const block of await blocksOf(place)) {
    if (head === undefined) {
      head = decodeHead(place, block)
      continue
    }
    const found = decodeEntries(head.gzip ? await unpack(block).catch(() => undefined) : block, onEntry)
    if (found === undefined) throw corrupt(place, 'has a block that is no list of entries')
    entries += found
  }
  if (head === undefined) throw corrupt(place, 'has no block')
  if (entries !== head.entries) throw corrupt(place, `has ${entries} of ${head.entries} entries`)
  return head
}

/** Makes a compressed copy of a snapshot, durable with its name; returns the name. The plain one stays. */
export async function compressSnapshot(
  fileSystem: SnapshotFileSystem,
  directory: string,
  backup: BackupName,
  signal: AbortSignal,
): Promise<string> {
  const plain = { fileSystem, directory, name: backup.name }
  const { name } = backupName(backup.lsn, backup.schema, true)
  await writeSnapshot({ fileSystem, directory, name }, compressed(), signal)
  return name

  async function* compressed(): AsyncGenerator<Buffer> {
    let isFirst = true
    for await (const block of await blocksOf(plain)) {
      yield isFirst ? encodeHead({ ...decodeHead(plain, block), gzip: true }) : await pack(block)
      isFirst = false
    }
  }
}

async function blocksOf(place: SnapshotPlace): Promise<AsyncIterable<Buffer>> {
  const blocks = await openSnapshot(place)
  if (blocks === undefined)
    throw new SluiceError('SLUICE_IO', `the snapshot ${place.name} is gone`, { file: place.name })
  return blocks
}

function encodeHead(head: SnapshotHead): Buffer {
  return Buffer.from(JSON.stringify({ state: FORM, ...head, replaced: [...head.replaced] }))
}

function decodeHead(place: SnapshotPlace, block: Buffer): SnapshotHead {
  const fields = parsedObject(block)
  const form = fields['state']
  if (typeof form === 'number' && form > FORM) {
    const message = `the snapshot ${place.name} has form ${form}, written by a newer sluice`
    throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message, { file: place.name })
  }
  const { lsn, schema, time, created, entries, gzip: packed, replaced } = fields
  const numbers = [lsn, schema, time, created, entries]
  if (form !== FORM || typeof packed !== 'boolean' || !numbers.every(Number.isFinite) || !isReplacedAt(replaced)) {
    throw corrupt(place, 'is no snapshot of a state')
  }
  // All of them were just found to be numbers.
  const [lsnOf, schemaOf, timeOf, createdOf, entriesOf] = numbers as [number, number, number, number, number]
  const whole = { lsn: lsnOf, schema: schemaOf, time: timeOf, created: createdOf, entries: entriesOf, gzip: packed }
  return { ...whole, replaced: new Map(replaced) }
}

function isReplacedAt(value: unknown): value is [lsn: number, time: number][] {
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite)
  return Array.isArray(value) && value.every(isPair)
}

function parsedObject(block: Buffer): Record<string, unknown> {
  const value = parsedBytes(block)
  // An object that is no array: each property is looked at as unknown.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function corrupt(place: SnapshotPlace, what: string): SluiceError {
  return new SluiceError('SLUICE_CORRUPT', `the snapshot ${place.name} ${what}`, { file: place.name })
}
