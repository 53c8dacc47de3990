import { dirname } from 'node:path'
import type { FileSystem, ReadableFile } from '../../src/fs/file-system.js'

/** A read that a test may hold back, or make fail. */
export interface ObservedRead {
  readonly path: string
  readonly position: number
  readonly length: number
}

interface MemoryFile {
  bytes: Buffer
}

/**
 * The asynchronous half of a file system, in memory: what readers ask for. As on POSIX, a file that was removed can be
 * read on by whoever has it open. It counts what is open and what is read, and a test can step in anywhere.
 */
export class ReadingFileSystem implements Pick<FileSystem, 'open' | 'list'> {
  readonly #files = new Map<string, MemoryFile>()
  readonly #openPaths = new Map<symbol, string>()
  opens = 0
  reads = 0
  bytesRead = 0
  readsNow = 0
  readsNowMost = 0
  lists = 0
  /** The most that one read hands out. */
  shortReadBytes = Number.POSITIVE_INFINITY
  /** The most that a certain read hands out. */
  mostOf: (read: ObservedRead) => number = () => Number.POSITIVE_INFINITY
  /** Run before a file is opened; it may reject. */
  beforeOpen: (path: string) => unknown = () => {}
  /** Run before bytes are copied; it may reject. */
  beforeRead: (read: ObservedRead) => unknown = () => {}
  /** Run after bytes were copied, before the reader gets them. */
  afterRead: (read: ObservedRead) => unknown = () => {}
  beforeList: (directory: string) => unknown = () => {}

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    for (const [path, bytes] of files) this.put(path, bytes)
  }

  /** The paths of the files that are open now. */
  get openPaths(): string[] {
    return [...this.#openPaths.values()]
  }

  /** Writes a file: over the one that is there, as a writer in place would. */
  put(path: string, bytes: Buffer): void {
    const file = this.#files.get(path)
    if (file === undefined) this.#files.set(path, { bytes })
    else file.bytes = bytes
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  async open(path: string): Promise<ReadableFile> {
    await this.beforeOpen(path)
    const file = this.#files.get(path)
    if (file === undefined) throw systemError('ENOENT', 'open', path)
    const key = Symbol(path)
    this.#openPaths.set(key, path)
    this.opens += 1
    const mustBeOpen = (call: string) => {
      if (!this.#openPaths.has(key)) throw systemError('EBADF', call, path)
    }
    return {
      read: async (buffer, offset, length, position) => {
        mustBeOpen('read')
        this.reads += 1
        this.readsNow += 1
        this.readsNowMost = Math.max(this.readsNowMost, this.readsNow)
        try {
          const read = { path, position, length }
          await this.beforeRead(read)
          const end = position + Math.min(length, this.shortReadBytes, this.mostOf(read))
          const copied = file.bytes.subarray(position, end).copy(buffer, offset)
          this.bytesRead += copied
          await this.afterRead(read)
          mustBeOpen('read')
          return copied
        } finally {
          this.readsNow -= 1
        }
      },
      size: async () => {
        mustBeOpen('fstat')
        return file.bytes.length
      },
      close: async () => {
        mustBeOpen('close')
        this.#openPaths.delete(key)
      },
    }
  }

  async list(directory: string): Promise<string[]> {
    await this.beforeList(directory)
    this.lists += 1
    const paths = [...this.#files.keys()].filter((path) => dirname(path) === directory)
    if (paths.length === 0) throw systemError('ENOENT', 'scandir', directory)
    return paths.map((path) => path.slice(directory.length + 1))
  }
}

/** An error as Node's `fs` makes it. */
export function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, errno: -1, syscall, path })
}

/** A gate that a double waits at: it tells when somebody has arrived, and lets all through once opened. */
export class Gate {
  readonly arrived: Promise<void>
  readonly #opened: Promise<void>
  #arrive = () => {}
  #open = () => {}

  constructor() {
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.#opened = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  async pass(): Promise<void> {
    this.#arrive()
    await this.#opened
  }

  open(): void {
    this.#open()
  }
}
