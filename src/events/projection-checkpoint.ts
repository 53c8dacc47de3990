import { crc32 } from 'node:zlib'
import { systemCode } from '../errors.js'
import { openSnapshot, writeSnapshot } from '../snapshot/snapshot-file.js'
import { makeSnapshotFolder, type SnapshotPlace } from '../snapshot/snapshot-place.js'
import type { StoredEvent } from './contract.js'
import type { FoldedState } from './event-fold.js'
import type { IgnoredCheckpoint } from './projection-contract.js'
import type { CheckedDefinition } from './projection-definition.js'
import type { EventSource } from './projection-run.js'

/*
 * A checkpoint is a snapshot file (see snapshot-layout.ts). Its first block is JSON:
 *
 *   { format, name, version, query, position, event: { timestamp, type, checksum } }
 *
 * The blocks behind it, put together, are the serialised state. `event` tells the event at `position`, whether it matches
 * or not: a history that was cut below it, and has grown again since, has another one there.
 */

const FORMAT = 1
const BLOCK_BYTES = 1024 * 1024

/** Tells an event from any other one at its position. */
interface EventMark {
  readonly timestamp: number
  readonly type: string
  readonly checksum: number
}

interface CheckpointHead {
  readonly format: number
  readonly name: string
  readonly version: number
  readonly query: string
  readonly position: number
  readonly event: EventMark
}

/** The folder of a store's checkpoints. It is made when it is first needed; only the store's owner may write to it. */
export class CheckpointFolder {
  readonly #fileSystem: SnapshotPlace['fileSystem']
  readonly #directory: string
  #made = false

  /** @param directory an absolute path below an existing folder */
  constructor(fileSystem: SnapshotPlace['fileSystem'], directory: string) {
    this.#fileSystem = fileSystem
    this.#directory = directory
  }

  /** Throws `SLUICE_DISK_FULL` or `SLUICE_IO` where the folder can't be made. */
  placeOf(name: string): SnapshotPlace {
    if (!this.#made) makeSnapshotFolder(this.#fileSystem, this.#directory)
    this.#made = true
    return { fileSystem: this.#fileSystem, directory: this.#directory, name: `${name}.checkpoint` }
  }
}

/** A state, taken between two events, on its way into a checkpoint. */
export interface TakenState {
  readonly position: number
  readonly bytes: Uint8Array
  /** The last event that was applied, if any was since the run began. */
  readonly last: StoredEvent | undefined
}

/** One projection's checkpoint. */
export class ProjectionCheckpoint<S> {
  readonly #folder: CheckpointFolder
  readonly #source: EventSource
  readonly #definition: CheckedDefinition<S>

  constructor(folder: CheckpointFolder, source: EventSource, definition: CheckedDefinition<S>) {
    this.#folder = folder
    this.#source = source
    this.#definition = definition
  }

  /**
   * Puts this state in the place of the one that is there, durably. Resolves to the position and the file's size;
   * `undefined` where the store is closed, and nothing was applied whose event is known.
   */
  async write(taken: TakenState): Promise<{ readonly position: number; readonly bytes: number } | undefined> {
    const marked = await this.#marked(taken)
    if (marked === undefined) return undefined
    const { position, event } = marked
    const { name, version, queryText } = this.#definition
    const head: CheckpointHead = { format: FORMAT, name, version, query: queryText, position, event }
    const bytes = await writeSnapshot(this.#folder.placeOf(name), blocksOf(head, taken.bytes))
    return { position, bytes }
  }

  /** The state of the checkpoint; why it can't be used; `undefined` where there is none. Never rejects. */
  async read(): Promise<FoldedState<S> | IgnoredCheckpoint | undefined> {
    try {
      const blocks = await openSnapshot(this.#folder.placeOf(this.#definition.name))
      if (blocks === undefined) return undefined
      const iterator = blocks[Symbol.asyncIterator]()
      try {
        const first = await iterator.next()
        const head = first.done === true ? undefined : readHead(first.value)
        const refusal = head === undefined ? undecipherable() : await this.#refusal(head)
        if (refusal !== undefined || head === undefined) return refusal
        const parts: Buffer[] = []
        for (let part = await iterator.next(); part.done !== true; part = await iterator.next()) parts.push(part.value)
        return { state: this.#definition.deserialize(Buffer.concat(parts)), position: head.position }
      } finally {
        await iterator.return?.()
      }
    } catch (error) {
      if (systemCode(error) === 'SLUICE_CLOSED') return undefined // The store is: nothing is begun any more.
      const message = `the checkpoint of ${this.#definition.name} can't be read: ${String(error)}`
      return { reason: 'damaged', message, error }
    }
  }

  /** Whether a checkpoint belongs to this definition, and to this history. */
  async #refusal(head: CheckpointHead): Promise<IgnoredCheckpoint | undefined> {
    const { name, version, queryText } = this.#definition
    if (head.format !== FORMAT || head.name !== name || head.version !== version || head.query !== queryText) {
      const message = `the checkpoint of ${name} is of another name, version, query or format`
      return { reason: 'other-definition', message }
    }
    const { position, event } = head
    const there = position > this.#source.head() ? undefined : await eventAt(this.#source, position)
    if (there !== undefined && sameMark(markOf(there), event)) return undefined
    const message = `the checkpoint of ${name} was made at position ${position}, where the store has ${there === undefined ? 'nothing' : 'another event'}`
    return { reason: 'other-history', message }
  }

  /** The position to note, and its event. */
  async #marked({ position, last }: TakenState): Promise<Pick<CheckpointHead, 'position' | 'event'> | undefined> {
    if (last?.position === position) return { position, event: markOf(last) }
    try {
      const event = await eventAt(this.#source, position)
      if (event !== undefined) return { position, event: markOf(event) }
    } catch (error) {
      if (systemCode(error) !== 'SLUICE_CLOSED') throw error
    }
    // At the last event that was applied the state was the same.
    return last === undefined ? undefined : { position: last.position, event: markOf(last) }
  }
}

async function eventAt(source: EventSource, position: number): Promise<StoredEvent | undefined> {
  for await (const event of source.read('all', { from: position, to: position, limit: 1 })) return event
  return undefined
}

function* blocksOf(head: CheckpointHead, bytes: Uint8Array): Generator<Uint8Array> {
  yield Buffer.from(JSON.stringify(head))
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) yield bytes.subarray(offset, offset + BLOCK_BYTES)
}

/** What a file says about itself, if it says it in this way. */
function readHead(block: Buffer): CheckpointHead | undefined {
  const head: Partial<Record<keyof CheckpointHead, unknown>> = JSON.parse(block.toString())
  const known =
    typeof head === 'object' &&
    head !== null &&
    Number.isSafeInteger(head.position) &&
    Number(head.position) >= 1 &&
    typeof head.event === 'object' &&
    head.event !== null
  // The rest is only compared with what it should be.
  return known ? (head as CheckpointHead) : undefined
}

function undecipherable(): IgnoredCheckpoint {
  return { reason: 'damaged', message: 'the checkpoint does not say what it was made of' }
}

function markOf({ timestamp, type, tags, id, data, metadata }: StoredEvent): EventMark {
  const bytes = data instanceof Uint8Array ? data : undefined
  const text = JSON.stringify([tags, id, metadata, bytes === undefined ? data : 'bytes'])
  return { timestamp, type, checksum: crc32(bytes ?? '', crc32(text)) }
}

function sameMark(one: EventMark, other: EventMark): boolean {
  return one.timestamp === other.timestamp && one.type === other.type && one.checksum === other.checksum
}
