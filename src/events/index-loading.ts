import { crc32 } from 'node:zlib'
import type { Log, LogRecord } from '../log/contract.js'
import { openSnapshot } from '../snapshot/snapshot-file.js'
import { listSnapshots, removeSnapshot, type SnapshotPlace } from '../snapshot/snapshot-place.js'
import type { EventIndex } from './event-index.js'
import type { IdWindow } from './id-window.js'
import { decodeHead, decodeIndexFile, type IndexFileHead } from './index-file.js'

const POSITION_DIGITS = 10
/** What else lies in the folder is somebody else's. */
const NAME = /^\d{10}\.index$/

/** Where the index is written down. */
export type IndexFolder = Pick<SnapshotPlace, 'fileSystem' | 'directory'>

/** What sealed files hold, all together. */
export interface SealedFiles {
  /** The name in the head of the last one: the next one goes on behind it. */
  readonly name: string
  /** The first numbers of types and tags that none of them has. */
  readonly types: number
  readonly tags: number
}

export const NO_FILES: SealedFiles = { name: '', types: 0, tags: 0 }

interface FoundFile {
  readonly name: string
  readonly head: IndexFileHead
}

/** Takes up what the index's files tell, as far as they are good, and this log's. What they lack is no error: it is noted. */
export class IndexLoading {
  readonly #log: Log
  readonly #folder: IndexFolder
  readonly #index: EventIndex
  readonly #ids: IdWindow
  /** Why files were given up. */
  readonly #discarded: string[]
  #sealed = NO_FILES

  constructor(log: Log, folder: IndexFolder, index: EventIndex, ids: IdWindow, discarded: string[]) {
    this.#log = log
    this.#folder = folder
    this.#index = index
    this.#ids = ids
    this.#discarded = discarded
  }

  async load(): Promise<SealedFiles> {
    const found = await this.#heads()
    const files: FoundFile[] = []
    // Each of them: one that does not belong would make those behind it wrong, whatever they are themselves.
    for (const [at, file] of found.entries()) {
      if (files.length < at) await this.#discard(file.name)
      else if (await this.#belongs(file.head)) files.push(file)
      else {
        this.#discarded.push(`${file.name} is not of this log, or of a history that it lost`)
        await this.#discard(file.name)
      }
    }
    let from = files.length
    for (let ids = 0; from > 0 && ids < this.#ids.size; from--) ids += files[from - 1]?.head.ids ?? 0
    this.#index.tags.reserve(files.at(-1)?.head.tags.to ?? 0)
    for (const [at, file] of files.entries()) {
      if (await this.#loadFile(file, at >= from)) continue
      for (const { name } of files.slice(at)) await this.#discard(name)
      break
    }
    return this.#sealed
  }

  /** The heads of the files that follow on each other from the first position. */
  async #heads(): Promise<FoundFile[]> {
    const files: FoundFile[] = []
    let first = 1
    for (const name of await this.#names()) {
      const before = files.at(-1)
      const head = before?.head.sealed === false ? undefined : await this.#headOf(name)
      const follows = head?.first === first && head.last >= first && head.behind === (before?.head.name ?? '')
      if (head !== undefined && follows && name === nameOf(first)) {
        files.push({ name, head })
        first = head.last + 1
      } else {
        if (head !== undefined) this.#discarded.push(`${name} does not follow on those before it`)
        await this.#discard(name)
      }
    }
    return files
  }

  async #names(): Promise<readonly string[]> {
    const { fileSystem, directory } = this.#folder
    try {
      return (await listSnapshots(fileSystem, directory)).filter((name) => NAME.test(name))
    } catch (error) {
      this.#discarded.push(messageOf(error))
      return []
    }
  }

  async #headOf(name: string): Promise<IndexFileHead | undefined> {
    try {
      for await (const block of (await openSnapshot(this.#place(name))) ?? []) {
        const head = decodeHead(block)
        if (head !== undefined) return head
        break
      }
      this.#discarded.push(`${name} has another form, or is of another kind of machine`)
    } catch (error) {
      this.#discarded.push(`${name}: ${messageOf(error)}`)
    }
    return undefined
  }

  async #belongs(head: IndexFileHead): Promise<boolean> {
    const record = await this.#log.get(head.last)
    if (record === undefined) return false // It is ahead of the log.
    const { lastChecksum, lastTimestamp } = identityOf(record)
    return lastChecksum === head.lastChecksum && lastTimestamp === head.lastTimestamp
  }

  async #loadFile({ name, head }: FoundFile, withIds: boolean): Promise<boolean> {
    const { types, tags } = this.#index
    const before = this.#index.head
    const goesOn = head.types.from === types.size && head.tags.from === tags.size
    let blocks: AsyncIterator<Buffer> | undefined
    try {
      blocks = (await openSnapshot(this.#place(name)))?.[Symbol.asyncIterator]()
      await blocks?.next() // The head.
      if (goesOn && blocks !== undefined) {
        if (await decodeIndexFile(head, blocks, this.#index, withIds ? this.#ids : undefined)) {
          if (head.sealed) {
            this.#sealed = { name: head.name, types: types.size, tags: tags.size }
            this.#index.keepTerms(types.size, tags.size)
            this.#index.recent.dropBelow(head.last + 1)
          }
          return true
        }
      }
      this.#discarded.push(`${name} does not hold what its head says`)
    } catch (error) {
      this.#discarded.push(`${name}: ${messageOf(error)}`)
    } finally {
      await blocks?.return?.().catch((error: unknown) => this.#discarded.push(`${name}: ${messageOf(error)}`))
    }
    this.#index.rollBack(before)
    return false
  }

  #place(name: string): SnapshotPlace {
    return { ...this.#folder, name }
  }

  /** Removes a file that is of no use. One that can't be removed does not follow on any that is written from now on. */
  async #discard(name: string): Promise<void> {
    try {
      await removeSnapshot(this.#place(name))
    } catch (error) {
      this.#discarded.push(messageOf(error))
    }
  }
}

export function identityOf({ data, timestamp }: LogRecord): { lastChecksum: number; lastTimestamp: number } {
  return { lastChecksum: crc32(data), lastTimestamp: timestamp }
}

export function nameOf(first: number): string {
  return `${String(first).padStart(POSITION_DIGITS, '0')}.index`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
