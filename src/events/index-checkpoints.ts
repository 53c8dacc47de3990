import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { SluiceError } from '../errors.js'
import type { Log, LogRecord } from '../log/contract.js'
import { openSnapshot, writeDerivedSnapshot } from '../snapshot/snapshot-file.js'
import { listSnapshots, makeSnapshotFolder, removeSnapshot, type SnapshotPlace } from '../snapshot/snapshot-place.js'
import { EventIndex } from './event-index.js'
import { readTerms } from './event-record.js'
import { IdWindow } from './id-window.js'
import { decodeHead, decodeIndexFile, encodeIndexFile, type IndexFileHead } from './index-file.js'
import type { EventStoreRecovery } from './store-contract.js'

/** When files are sealed. */
export interface SealingRule {
  /** A file is sealed with so many events, or a few less where they have many tags. */
  readonly events: number
  /** A file is sealed with so many tags, those of its last event left aside. */
  readonly tags: number
}

export const SEALING: SealingRule = { events: 65_536, tags: 1_048_576 }

/** After a failure it is tried again once a part of a file more is there. */
const RETRY_SHARE = 1 / 8

const ENDING = '.index'
const POSITION_DIGITS = 10

/** Where the index is written down. */
export type IndexFolder = Pick<SnapshotPlace, 'fileSystem' | 'directory'>

/** The index and the ids of a log, and what is written down of them. */
export interface OpenedIndex {
  readonly index: EventIndex
  readonly ids: IdWindow
  readonly checkpoints: IndexCheckpoints
  readonly recovery: EventStoreRecovery['index']
}

interface FoundFile {
  readonly name: string
  readonly head: IndexFileHead
}

/**
 * Writes the index down, in files of its own, as events become durable: so opening doesn't have to read them all. The files
 * are derived data: never synced, checked when they are read, and made anew from the log where they are damaged, missing, or
 * not of this log.
 */
export class IndexCheckpoints {
  readonly #log: Log
  readonly #folder: IndexFolder
  readonly #index: EventIndex
  readonly #ids: IdWindow
  readonly #rule: SealingRule
  /** The first numbers that no sealed file has. */
  #types = 0
  #tags = 0
  #writing: Promise<void> | undefined
  #retryAt = 0

  constructor(log: Log, folder: IndexFolder, index: EventIndex, ids: IdWindow, rule: SealingRule) {
    this.#log = log
    this.#folder = folder
    this.#index = index
    this.#ids = ids
    this.#rule = rule
  }

  /** Makes the index of a log: from its files, as far as they are good, and from the log itself. */
  static async open(log: Log, folder: IndexFolder, rememberedIds: number, rule: SealingRule): Promise<OpenedIndex> {
    makeSnapshotFolder(folder.fileSystem, folder.directory)
    const index = new EventIndex()
    const ids = new IdWindow(rememberedIds)
    const checkpoints = new IndexCheckpoints(log, folder, index, ids, rule)
    const discarded: string[] = []
    await checkpoints.#load(discarded)
    const loaded = index.head
    await checkpoints.#catchUp(discarded)
    return { index, ids, checkpoints, recovery: { loaded, rebuilt: index.head - loaded, discarded } }
  }

  /** Whether there is enough for a file of its own. */
  get due(): boolean {
    const events = this.#log.durableLsn - this.#index.recent.firstPosition + 1
    return events >= this.#retryAt && this.#fills(this.#log.durableLsn)
  }

  /**
   * Writes down what is durable. `sealed`: only what fills a file. One file at a time: a call while one is written resolves
   * with that. Rejects with `SLUICE_DISK_FULL` and `SLUICE_IO`: the log is not touched by that.
   */
  write(sealed: boolean): Promise<void> {
    this.#writing ??= this.#write(sealed).finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  /** Writes down all that is durable, before the store is closed. */
  async finish(): Promise<void> {
    await this.#writing?.catch(() => {}) // It was told to whoever had it written.
    while (this.due) await this.write(true)
    if (this.#log.durableLsn >= this.#index.recent.firstPosition) await this.write(false)
  }

  /** Whether what is durable up to `last`, and in the index, is enough for a file of its own. */
  #fills(last: number): boolean {
    const { recent } = this.#index
    const events = last - recent.firstPosition + 1
    return events > 0 && (events >= this.#rule.events || recent.tagCount >= this.#rule.tags)
  }

  async #write(sealed: boolean): Promise<void> {
    const { recent } = this.#index
    const first = recent.firstPosition
    const last = this.#lastOfFile(first)
    const record = await this.#log.get(last)
    if (record === undefined) return // Nothing is durable yet.
    const scope = {
      first,
      last,
      sealed,
      types: { from: this.#types, to: this.#index.types.size },
      tags: { from: this.#tags, to: this.#index.tags.size },
      ...identityOf(record),
    }
    try {
      await writeDerivedSnapshot(this.#place(nameOf(first)), inTurns(encodeIndexFile(this.#index, this.#ids, scope)))
      this.#retryAt = 0
    } catch (error) {
      this.#retryAt = last - first + 1 + Math.ceil(this.#rule.events * RETRY_SHARE)
      throw error
    }
    if (sealed) this.#seal(scope.types.to, scope.tags.to, last)
  }

  /** The last position of the file that begins at `first`. */
  #lastOfFile(first: number): number {
    const { recent } = this.#index
    // While a log is taken up, more is durable than the index has yet.
    const durable = Math.min(this.#log.durableLsn, this.#index.head)
    const last = Math.min(durable, first + this.#rule.events - 1)
    if (recent.tagCount < this.#rule.tags) return last
    let tags = 0
    for (let position = first; position < last; position++) {
      tags += recent.tagsOf(position).length
      if (tags >= this.#rule.tags) return position
    }
    return last
  }

  #seal(types: number, tags: number, last: number): void {
    this.#types = types
    this.#tags = tags
    this.#index.recent.dropBelow(last + 1)
  }

  async #load(discarded: string[]): Promise<void> {
    const found = await this.#heads(discarded)
    const files: FoundFile[] = []
    // Each of them: one that does not belong would make those behind it wrong, whatever they are themselves.
    for (const [at, file] of found.entries()) {
      if (files.length < at) this.#discard(file.name)
      else if (await this.#belongs(file.head)) files.push(file)
      else {
        discarded.push(`${file.name} is not of this log, or of a history that it lost`)
        this.#discard(file.name)
      }
    }
    let from = files.length
    for (let ids = 0; from > 0 && ids < this.#ids.size; from--) ids += files[from - 1]?.head.ids ?? 0
    for (const [at, file] of files.entries()) {
      if (await this.#loadFile(file, at >= from, discarded)) continue
      for (const { name } of files.slice(at)) this.#discard(name)
      return
    }
  }

  /** The heads of the files that follow on each other from the first position. */
  async #heads(discarded: string[]): Promise<FoundFile[]> {
    const files: FoundFile[] = []
    const { fileSystem, directory } = this.#folder
    const names = (await listSnapshots(fileSystem, directory)).filter((name) => name.endsWith(ENDING))
    let first = 1
    for (const name of names) {
      const before = files.at(-1)
      const head = before?.head.sealed === false ? undefined : await this.#headOf(name, discarded)
      if (name === nameOf(first) && head?.first === first && head.last >= first) {
        files.push({ name, head })
        first = head.last + 1
      } else {
        if (head !== undefined) discarded.push(`${name} does not follow on those before it`)
        this.#discard(name)
      }
    }
    return files
  }

  async #headOf(name: string, discarded: string[]): Promise<IndexFileHead | undefined> {
    try {
      for await (const block of (await openSnapshot(this.#place(name))) ?? []) return decodeHead(block)
    } catch (error) {
      discarded.push(reasonOf(name, error))
    }
    return undefined
  }

  async #belongs(head: IndexFileHead): Promise<boolean> {
    if (head.last > this.#log.durableLsn) return false
    const record = await this.#log.get(head.last)
    if (record === undefined) return false
    const { lastChecksum, lastTimestamp } = identityOf(record)
    return lastChecksum === head.lastChecksum && lastTimestamp === head.lastTimestamp
  }

  async #loadFile({ name, head }: FoundFile, withIds: boolean, discarded: string[]): Promise<boolean> {
    const { types, tags } = this.#index
    const before = this.#index.head
    const goesOn = head.types.from === types.size && head.tags.from === tags.size
    try {
      const blocks = (await openSnapshot(this.#place(name)))?.[Symbol.asyncIterator]()
      await blocks?.next() // The head.
      if (goesOn && blocks !== undefined) {
        if (await decodeIndexFile(head, blocks, this.#index, withIds ? this.#ids : undefined)) {
          if (head.sealed) this.#seal(types.size, tags.size, head.last)
          return true
        }
        await blocks.return?.()
      }
      discarded.push(`${name} does not hold what its head says`)
    } catch (error) {
      discarded.push(reasonOf(name, error))
    }
    this.#index.rollBack(before)
    return false
  }

  /** Takes up from the log what no file has. */
  async #catchUp(notes: string[]): Promise<void> {
    for await (const { lsn, data } of this.#log.read({ from: this.#index.head + 1 })) {
      const { type, tags, id } = readTerms(lsn, data)
      this.#index.add(type, tags)
      if (id !== undefined) this.#ids.add(id, lsn)
      this.#ids.settle(lsn)
      // Written on the way, so that not all of a long log has to be kept in mind for it.
      const events = lsn - this.#index.recent.firstPosition + 1
      if (events < this.#retryAt || !this.#fills(lsn)) continue
      await this.write(true).catch((error: unknown) => {
        notes.push(`the index can't be written down: ${error instanceof Error ? error.message : String(error)}`)
      })
    }
  }

  #place(name: string): SnapshotPlace {
    return { ...this.#folder, name }
  }

  #discard(name: string): void {
    removeSnapshot(this.#place(name))
  }
}

/** Gives the event loop a turn between blocks. */
async function* inTurns(blocks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const block of blocks) {
    yield block
    await nextTurn()
  }
}

function identityOf({ data, timestamp }: LogRecord): { lastChecksum: number; lastTimestamp: number } {
  return { lastChecksum: crc32(data), lastTimestamp: timestamp }
}

function nameOf(first: number): string {
  return `${String(first).padStart(POSITION_DIGITS, '0')}${ENDING}`
}

function reasonOf(name: string, error: unknown): string {
  if (error instanceof SluiceError && error.code !== 'SLUICE_CORRUPT' && error.code !== 'SLUICE_UNSUPPORTED_FORMAT') {
    throw error
  }
  return error instanceof Error ? error.message : `${name}: ${String(error)}`
}
