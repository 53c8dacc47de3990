import { join } from 'node:path'
import { SluiceError, systemCode } from '../errors.js'
import { MARK_FILE, TEMPORARY_SUFFIX } from '../format/file-names.js'
import {
  MARK_FILE_BYTES,
  MARK_SLOT_BYTES,
  MARK_SLOT_OFFSETS,
  type Mark,
  type MarkResult,
  readMarkFile,
  readMarkSlot,
  writeMarkSlot,
} from '../format/mark.js'
import type { FileSystem } from '../fs/file-system.js'
import { readFully, writeFully } from '../fs/transfer.js'
import { removeIfThere } from './log-folder.js'

/** What a note says; log id and sequence are the file's own affair. */
export type MarkNote = Omit<Mark, 'logId' | 'sequence'>

/** A mark file as it was found. */
export interface MarkFileContent {
  /** Whether there is a file at all. */
  readonly found: boolean
  /** The size of that file: another one than {@link MARK_FILE_BYTES} only where something happened to it. */
  readonly fileBytes: number
  /** Both slots, each for itself. */
  readonly slots: readonly MarkResult[]
  /** Whether each slot holds nothing but zeros: never written, rather than damaged. */
  readonly empty: readonly boolean[]
  /** What counts: the valid slot with the higher sequence; `unsupported` where either slot is. */
  readonly newest: MarkResult
}

/**
 * The mark file, opened for writing. Recovery leaves it with at least one valid slot, so the writer's use is:
 *
 *     const marks = MarkFile.open(fs, directory)      // after recover(), under the lock
 *     marks.note({ durableLsn, firstLsn, segmentFirstLsn, endOffset, closed: false })   // after each successful sync
 *     marks.note({ …, firstLsn: higher }); marks.sync()    // trim: durable before a file goes
 *     marks.note({ …, closed: true }); marks.sync(); marks.close()
 *
 * A note is one small write into the slot that is not the newest, without a sync: a power cut may leave an older note,
 * or a torn slot beside an older note. What either says of durability is true; a trim mark is noted in both. The caller may reuse the object that it passes.
 *
 * All methods throw the system's errors as they are. After a note that failed, the newest mark is what it was, and the
 * next note takes the same slot. After a sync that failed, sync again only what was noted anew: earlier notes may be
 * lost, though marked as clean.
 */
export class MarkFile {
  readonly #fs: FileSystem
  readonly #fd: number
  readonly #slot = Buffer.alloc(MARK_SLOT_BYTES)
  /** What is being noted; it changes places with the newest mark, so that a note allocates no mark. */
  #next: { -readonly [Field in keyof Mark]: Mark[Field] }
  #newest: { -readonly [Field in keyof Mark]: Mark[Field] }
  #newestSlot: number

  private constructor(fs: FileSystem, fd: number, newest: Mark, newestSlot: number) {
    this.#fs = fs
    this.#fd = fd
    this.#newest = { ...newest }
    this.#next = { ...newest }
    this.#newestSlot = newestSlot
  }

  /**
   * Opens the mark file of a log that was recovered. Throws `SLUICE_CORRUPT` where no slot is valid, and
   * `SLUICE_UNSUPPORTED_FORMAT` where one is of a newer version.
   */
  static open(fs: FileSystem, directory: string): MarkFile {
    const path = join(directory, MARK_FILE)
    const fd = fs.openSync(path, 'write')
    try {
      const { slots, newest } = contentOf(fs, fd)
      if (newest.kind === 'unsupported') throw unsupportedMark(path, newest.version)
      if (newest.kind === 'none') throw new SluiceError('SLUICE_CORRUPT', `no slot of the mark file ${path} is valid`)
      const newestSlot = slots.findIndex((slot) => slot.kind === 'valid' && slot.mark.sequence === newest.mark.sequence)
      return new MarkFile(fs, fd, newest.mark, newestSlot)
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  }

  /**
   * Makes the mark file, replacing one that is there: under a temporary name first, so that there is never half a mark
   * file. From sequence 2 on the other slot says the same with the sequence before. The file and its name are durable
   * when this returns.
   */
  static create(fs: FileSystem, directory: string, mark: Mark): void {
    const path = join(directory, MARK_FILE)
    const temporary = path + TEMPORARY_SUFFIX
    removeIfThere(fs, temporary)
    const bytes = Buffer.alloc(MARK_FILE_BYTES)
    writeMarkSlot(bytes, mark)
    if (mark.sequence > 1) writeMarkSlot(bytes.subarray(MARK_SLOT_OFFSETS[1]), { ...mark, sequence: mark.sequence - 1 })
    const fd = fs.openSync(temporary, 'create')
    try {
      writeFully(fs, fd, bytes, 0, bytes.length, 0)
      fs.datasyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, path)
    fs.syncDirectorySync(directory)
  }

  /** Reads a mark file without opening it for writing; one that is missing reads as two empty slots. */
  static read(fs: FileSystem, directory: string): MarkFileContent {
    let fd: number
    try {
      fd = fs.openSync(join(directory, MARK_FILE), 'read')
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      const none: MarkResult = { kind: 'none' }
      return { found: false, fileBytes: 0, slots: [none, none], empty: [true, true], newest: none }
    }
    try {
      return contentOf(fs, fd)
    } finally {
      fs.closeSync(fd)
    }
  }

  /** A copy of the newest mark. */
  get newest(): Mark {
    return { ...this.#newest }
  }

  /** Writes the next slot. Not synced: see the class. */
  note(note: MarkNote): void {
    const next = this.#next
    next.sequence = this.#newest.sequence + 1
    next.durableLsn = note.durableLsn
    next.firstLsn = note.firstLsn
    next.segmentFirstLsn = note.segmentFirstLsn
    next.endOffset = note.endOffset
    next.closed = note.closed
    const slot = 1 - this.#newestSlot
    writeMarkSlot(this.#slot, next)
    writeFully(this.#fs, this.#fd, this.#slot, 0, MARK_SLOT_BYTES, slot === 0 ? 0 : MARK_SLOT_OFFSETS[1])
    this.#newestSlot = slot
    this.#next = this.#newest
    this.#newest = next
  }

  /** Makes the notes so far durable. */
  sync(): void {
    this.#fs.datasyncSync(this.#fd)
  }

  /** Notes and syncs twice, so that neither slot holds an older mark: for repair, which lowers it. */
  rewriteBoth(note: MarkNote): void {
    this.note(note)
    this.sync()
    this.note(note)
    this.sync()
  }

  close(): void {
    this.#fs.closeSync(this.#fd)
  }
}

/** The refusal of a mark file that a newer version wrote. */
export function unsupportedMark(path: string, version: number): SluiceError {
  const message = `the mark file ${path} has format version ${version}, written by a newer sluice`
  return new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message)
}

function contentOf(fs: FileSystem, fd: number): MarkFileContent {
  const bytes = Buffer.alloc(MARK_FILE_BYTES)
  const found = bytes.subarray(0, readFully(fs, fd, bytes, 0, bytes.length, 0))
  const slots = MARK_SLOT_OFFSETS.map((at) => found.subarray(at, at + MARK_SLOT_BYTES))
  return {
    found: true,
    fileBytes: fs.sizeSync(fd),
    slots: slots.map(readMarkSlot),
    empty: slots.map((slot) => slot.every((byte) => byte === 0)),
    newest: readMarkFile(found),
  }
}
