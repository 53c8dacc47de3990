import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Log } from '../log/contract.js'
import { writeDerivedSnapshot } from '../snapshot/snapshot-file.js'
import { makeSnapshotFolder } from '../snapshot/snapshot-place.js'
import { EventIndex } from './event-index.js'
import { readTerms } from './event-record.js'
import { IdWindow } from './id-window.js'
import { encodeIndexFile } from './index-file.js'
import {
  type IndexFolder,
  IndexLoading,
  identityOf,
  messageOf,
  NO_FILES,
  nameOf,
  type SealedFiles,
} from './index-loading.js'
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

/** The index and the ids of a log, and what is written down of them. */
export interface OpenedIndex {
  readonly index: EventIndex
  readonly ids: IdWindow
  readonly checkpoints: IndexCheckpoints
  readonly recovery: EventStoreRecovery['index']
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
  #sealed: SealedFiles = NO_FILES
  #folderMade = false
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
    const index = new EventIndex()
    const ids = new IdWindow(rememberedIds)
    const checkpoints = new IndexCheckpoints(log, folder, index, ids, rule)
    const discarded: string[] = []
    // Nothing that is wrong with derived data keeps a store from opening.
    const failure = checkpoints.#makeFolder()
    if (failure !== undefined) discarded.push(`the index has no folder to be written to: ${messageOf(failure)}`)
    checkpoints.#sealed = await new IndexLoading(log, folder, index, ids, discarded).load()
    const loaded = index.head
    await checkpoints.#catchUp(discarded)
    return { index, ids, checkpoints, recovery: { loaded, rebuilt: index.head - loaded, discarded } }
  }

  /** Whether there is enough for a file of its own, and none is being written. */
  get due(): boolean {
    if (this.#writing !== undefined) return false
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
    const first = this.#index.recent.firstPosition
    const last = this.#lastOfFile(first)
    try {
      const record = await this.#log.get(last)
      if (record === undefined) return // Nothing is durable yet.
      const scope = {
        name: randomBytes(8).toString('hex'),
        behind: this.#sealed.name,
        first,
        last,
        sealed,
        types: { from: this.#sealed.types, to: this.#index.types.size },
        tags: { from: this.#sealed.tags, to: this.#index.tags.size },
        ...identityOf(record),
      }
      this.#index.keepTerms(scope.types.to, scope.tags.to)
      this.#makeFolder() // Where that fails, so does what comes next, and says so.
      await writeDerivedSnapshot(
        { ...this.#folder, name: nameOf(first) },
        inTurns(encodeIndexFile(this.#index, this.#ids, scope)),
      )
      this.#retryAt = 0
      if (!sealed) return
      this.#sealed = { name: scope.name, types: scope.types.to, tags: scope.tags.to }
      this.#index.recent.dropBelow(last + 1)
    } catch (error) {
      const there = Math.min(this.#log.durableLsn, this.#index.head) - first + 1
      this.#retryAt = there + Math.ceil(this.#rule.events * RETRY_SHARE)
      throw error
    }
  }

  /** Makes the folder where that is not done; what went wrong with it. */
  #makeFolder(): unknown {
    if (this.#folderMade) return undefined
    try {
      makeSnapshotFolder(this.#folder.fileSystem, this.#folder.directory)
      this.#folderMade = true
      return undefined
    } catch (error) {
      return error
    }
  }

  /** The last position of the file that begins at `first`. */
  #lastOfFile(first: number): number {
    const { recent } = this.#index
    // While a log is taken up, more is durable than the index has yet.
    const durable = Math.min(this.#log.durableLsn, this.#index.head)
    const last = Math.min(durable, first + this.#rule.events - 1)
    return last < first ? last : recent.reaching(this.#rule.tags, first, last)
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
        const note = `the index can't be written down: ${messageOf(error)}`
        if (!notes.includes(note)) notes.push(note)
      })
    }
  }
}

/** Gives the event loop a turn between blocks. */
async function* inTurns(blocks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const block of blocks) {
    yield block
    await nextTurn()
  }
}
