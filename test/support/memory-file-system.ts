import { dirname } from 'node:path'
import type { DirectoryClaim, FileSystem, OpenMode, ReadableFile } from '../../src/fs/file-system.js'

/** A file's content as the processes see it, and as the disk has it. */
interface Content {
  bytes: Buffer
  /** Whether the disk, or another file system, has the same buffer: then it is copied before it is written to. */
  shared: boolean
  /** Never written to: a sync makes another buffer. */
  durable: Buffer
  /** Written since the last sync: what a sync brings to the disk, and nothing else. */
  dirty: { from: number; to: number }[]
}

interface Folder {
  entries: Map<string, Content>
  durable: Map<string, Content>
}

/** The calls that change something. */
export type MutatingCall =
  | 'create'
  | 'write'
  | 'datasync'
  | 'truncate'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'syncDirectory'

/**
 * A file system in memory, for tests of what is on disk: quick enough to fill, spoil and recover a log at every single
 * byte. It keeps what was synced apart from what was only written, and can fail any call. Of what was not synced
 * nothing survives its power cuts; where some of it has to, tests use the `SimulatedFileSystem`.
 */
export class MemoryFileSystem implements FileSystem {
  /** Called before each call that changes something; what it throws is the call's outcome. */
  beforeChange: (call: MutatingCall, path: string) => void = () => {}
  /** The most bytes that one write or read takes. */
  transferBytesMax = Number.POSITIVE_INFINITY
  readonly #folders = new Map<string, Folder>()
  readonly #open = new Map<number, { content: Content; path: string; mode: OpenMode }>()
  #nextFd = 3

  constructor(...directories: readonly string[]) {
    for (const directory of directories) this.#folders.set(directory, { entries: new Map(), durable: new Map() })
  }

  /** How many descriptors are open. */
  get openFiles(): number {
    return this.#open.size
  }

  /** Puts a file there, durable. */
  put(path: string, bytes: Uint8Array): void {
    const own = Buffer.from(bytes)
    const content = { bytes: own, shared: true, durable: own, dirty: [] }
    const folder = this.#folder(dirname(path), 'open')
    folder.entries.set(nameOf(path), content)
    folder.durable.set(nameOf(path), content)
  }

  /** Makes the disk hold something else than what the processes see, with no sync to come that would mend it. */
  putOnDiskOnly(path: string, bytes: Uint8Array): void {
    this.#content(path, 'open').durable = Buffer.from(bytes)
  }

  bytesOf(path: string): Buffer {
    return Buffer.from(this.#content(path, 'open').bytes)
  }

  /** Every file's bytes, by path. */
  files(): Map<string, Buffer> {
    const found = new Map<string, Buffer>()
    for (const [directory, folder] of [...this.#folders].sort()) {
      for (const [name, content] of [...folder.entries].sort()) {
        found.set(`${directory}/${name}`, Buffer.from(content.bytes))
      }
    }
    return found
  }

  /** What another process finds after this one was killed: all that was written. */
  afterProcessCrash(): MemoryFileSystem {
    return this.#copy((folder) => folder.entries)
  }

  /** What is there after a power cut in which only what was synced survived. */
  afterPowerCut(): MemoryFileSystem {
    const copy = this.#copy((folder) => folder.durable)
    for (const folder of copy.#folders.values()) {
      for (const content of folder.entries.values()) {
        content.bytes = content.durable
        content.dirty = []
      }
    }
    return copy
  }

  openSync(path: string, mode: OpenMode): number {
    const folder = this.#folder(dirname(path), 'open')
    if (mode === 'create') {
      this.beforeChange('create', path)
      if (folder.entries.has(nameOf(path))) throw systemError('EEXIST', 'open', path)
      folder.entries.set(nameOf(path), { bytes: Buffer.alloc(0), shared: false, durable: Buffer.alloc(0), dirty: [] })
    }
    const fd = this.#nextFd++
    this.#open.set(fd, { content: this.#content(path, 'open'), path, mode })
    return fd
  }

  closeSync(fd: number): void {
    if (!this.#open.delete(fd)) throw systemError('EBADF', 'close')
  }

  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    const { bytes } = this.#opened(fd, 'read').content
    const most = Math.min(length, this.transferBytesMax)
    return bytes.copy(buffer, offset, Math.min(position, bytes.length), Math.min(position + most, bytes.length))
  }

  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    const { content, path, mode } = this.#opened(fd, 'write')
    if (mode === 'read') throw systemError('EBADF', 'write', path)
    this.beforeChange('write', path)
    const most = Math.min(length, this.transferBytesMax)
    const end = position + most
    if (content.shared || end > content.bytes.length) {
      content.bytes = resized(content.bytes, Math.max(end, content.bytes.length))
      content.shared = false
    }
    content.bytes.set(buffer.subarray(offset, offset + most), position)
    content.dirty.push({ from: position, to: end })
    return most
  }

  datasyncSync(fd: number): void {
    const { content, path } = this.#opened(fd, 'fdatasync')
    this.beforeChange('datasync', path)
    content.durable = resized(content.durable, content.bytes.length)
    for (const { from, to } of content.dirty) content.durable.set(content.bytes.subarray(from, to), from)
    content.dirty = []
  }

  truncateSync(fd: number, bytes: number): void {
    const { content, path } = this.#opened(fd, 'ftruncate')
    this.beforeChange('truncate', path)
    content.bytes = resized(content.bytes, bytes)
    content.shared = false
    content.dirty = content.dirty
      .map(({ from, to }) => ({ from, to: Math.min(to, bytes) }))
      .filter((d) => d.from < d.to)
  }

  sizeSync(fd: number): number {
    return this.#opened(fd, 'fstat').content.bytes.length
  }

  listSync(directory: string): string[] {
    const inside = [...this.#folders.keys()].filter((path) => dirname(path) === directory && path !== directory)
    return [...this.#folder(directory, 'scandir').entries.keys(), ...inside.map(nameOf)]
  }

  makeDirectorySync(directory: string): void {
    this.beforeChange('makeDirectory', directory)
    if (!this.#folders.has(directory)) this.#folders.set(directory, { entries: new Map(), durable: new Map() })
  }

  renameSync(from: string, to: string): void {
    const content = this.#content(from, 'rename')
    const target = this.#folder(dirname(to), 'rename')
    this.beforeChange('rename', to)
    this.#folder(dirname(from), 'rename').entries.delete(nameOf(from))
    target.entries.set(nameOf(to), content)
  }

  removeSync(path: string): void {
    this.#content(path, 'unlink')
    this.beforeChange('remove', path)
    this.#folder(dirname(path), 'unlink').entries.delete(nameOf(path))
  }

  syncDirectorySync(directory: string): void {
    const folder = this.#folder(directory, 'fsync')
    this.beforeChange('syncDirectory', directory)
    folder.durable = new Map(folder.entries)
  }

  async open(path: string): Promise<ReadableFile> {
    const fd = this.openSync(path, 'read')
    return {
      read: async (buffer, offset, length, position) => this.readSync(fd, buffer, offset, length, position),
      size: async () => this.sizeSync(fd),
      close: async () => this.closeSync(fd),
    }
  }

  async list(directory: string): Promise<string[]> {
    return this.listSync(directory)
  }

  async write(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.writeSync(fd, buffer, offset, length, position)
  }

  async datasync(fd: number): Promise<void> {
    this.datasyncSync(fd)
  }

  async rename(from: string, to: string): Promise<void> {
    this.renameSync(from, to)
  }

  async remove(path: string): Promise<void> {
    this.removeSync(path)
  }

  async syncDirectory(directory: string): Promise<void> {
    this.syncDirectorySync(directory)
  }

  async claim(directory: string): Promise<DirectoryClaim> {
    this.makeDirectorySync(directory)
    return { release: async () => {} }
  }

  #copy(entriesOf: (folder: Folder) => Map<string, Content>): MemoryFileSystem {
    const copy = new MemoryFileSystem()
    for (const [directory, folder] of this.#folders) {
      const entries = new Map<string, Content>()
      for (const [name, content] of entriesOf(folder)) {
        content.shared = true
        entries.set(name, { ...content, dirty: [...content.dirty] })
      }
      const durable = new Map<string, Content>()
      for (const name of folder.durable.keys()) {
        const content = entries.get(name)
        if (content !== undefined) durable.set(name, content)
      }
      copy.#folders.set(directory, { entries, durable })
    }
    return copy
  }

  #folder(directory: string, syscall: string): Folder {
    const folder = this.#folders.get(directory)
    if (folder === undefined) throw systemError('ENOENT', syscall, directory)
    return folder
  }

  #content(path: string, syscall: string): Content {
    const content = this.#folder(dirname(path), syscall).entries.get(nameOf(path))
    if (content === undefined) throw systemError('ENOENT', syscall, path)
    return content
  }

  #opened(fd: number, syscall: string): { content: Content; path: string; mode: OpenMode } {
    const opened = this.#open.get(fd)
    if (opened === undefined) throw systemError('EBADF', syscall)
    return opened
  }
}

/** An error as Node's `fs` throws it. */
export function systemError(code: string, syscall: string, path?: string): Error {
  // Many thousands are thrown, and caught: their stacks would take longer than the calls that fail.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`)
  Error.stackTraceLimit = stackTraceLimit
  return Object.assign(error, { code, errno: -1, syscall, ...(path === undefined ? {} : { path }) })
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function resized(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.alloc(length)
  bytes.copy(copy)
  return copy
}
