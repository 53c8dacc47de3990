import { SluiceError, shown } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { absoluteFolder } from '../fs/folder-path.js'
import { nodeFileSystem } from '../fs/node-file-system.js'
import type { FollowOptions, LogReader, LogRecord, ReadOptions } from './contract.js'
import { MarkView } from './mark-view.js'
import { RecordReader } from './record-reader.js'

/** Options of {@link openLogReader}. */
export interface LogReaderOptions {
  /** Where the files lie. @default Node's file system */
  readonly fileSystem?: Pick<FileSystem, 'open' | 'list'>
}

/**
 * Opens a log for reading while another process may be writing to it. It takes no lock, changes nothing, and works on a
 * read-only file system. What is durable it learns from the log's mark file, and nothing beyond that is ever returned.
 * A relative `directory` is resolved now: a later `chdir` changes nothing.
 *
 * Rejects with `SLUICE_INVALID_ARGUMENT` (no folder of that name, or no log in it; also before a writer that is just
 * creating the log has noted its first mark), `SLUICE_INVALID_OPTION`, `SLUICE_CORRUPT` (the mark file is damaged or
 * missing), `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`.
 *
 * An active `follow` reads the mark file every 2 to 50 ms, and keeps the process alive until it is ended.
 */
export async function openLogReader(directory: string, options: LogReaderOptions = {}): Promise<LogReader> {
  const root = absoluteFolder(directory)
  return new MarkedLogReader(await MarkView.open(checkedFileSystem(options), root))
}

/** See {@link LogReader}. */
class MarkedLogReader implements LogReader {
  readonly #view: MarkView
  readonly #reader: RecordReader
  #closing: Promise<void> | undefined

  constructor(view: MarkView) {
    this.#view = view
    this.#reader = new RecordReader(view)
  }

  get firstLsn(): number {
    return this.#view.firstLsn
  }

  get durableLsn(): number {
    return this.#view.durableLsn
  }

  read(options?: ReadOptions): AsyncIterable<LogRecord> {
    return this.#reader.read(options)
  }

  get(lsn: number): Promise<LogRecord | undefined> {
    return this.#reader.get(lsn)
  }

  follow(options?: FollowOptions): AsyncIterable<LogRecord> {
    return this.#reader.follow(options)
  }

  async refresh(): Promise<number> {
    if (this.#closing !== undefined) throw new SluiceError('SLUICE_CLOSED', 'the log reader is closed')
    await this.#view.refresh()
    this.#reader.evictTrimmed()
    return this.#view.durableLsn
  }

  close(): Promise<void> {
    this.#view.close()
    this.#closing ??= this.#reader.close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkedFileSystem(options: LogReaderOptions): Pick<FileSystem, 'open' | 'list'> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SluiceError('SLUICE_INVALID_OPTION', `options must be an object, not ${shown(options)}`)
  }
  const unknown = Object.keys(options).find((name) => name !== 'fileSystem')
  if (unknown !== undefined) {
    throw new SluiceError('SLUICE_INVALID_OPTION', `there is no option ${unknown}; there is fileSystem`)
  }
  const { fileSystem } = options
  if (fileSystem !== undefined && (typeof fileSystem !== 'object' || fileSystem === null)) {
    throw new SluiceError('SLUICE_INVALID_OPTION', `fileSystem must be a FileSystem, not ${shown(fileSystem)}`)
  }
  return fileSystem ?? nodeFileSystem
}
