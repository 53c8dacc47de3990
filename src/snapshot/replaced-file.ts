import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemCode } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors, withSystemErrorsLater } from '../fs/io-error.js'
import { readAtLeast, writeFullyLater } from '../fs/transfer.js'
import { type SnapshotPlace, snapshotPath, temporaryPath } from './snapshot-place.js'

/** Pieces are gathered up to this many bytes, so that small ones don't cost a system call each. */
const STAGE_BYTES = 256 * 1024

/**
 * Makes a file of these pieces, or puts it in the place of the one that is there: it is written under a temporary name,
 * synced, renamed, and the folder is synced. So whoever reads the name finds the old content or the new one, whole, after
 * any crash. Writing, syncing, renaming and removing happen in the background. A piece must not be changed before the next is asked for.
 *
 * Resolves to the file's bytes. Throws `SLUICE_INVALID_ARGUMENT` for a name that can't be. Rejects with `SLUICE_DISK_FULL`, `SLUICE_IO`,
 * the signal's reason, or what the pieces throw: the temporary file is removed then, and the old content is what it was. Only
 * where the folder's sync fails, the last step of all, the name stands for the new content already.
 *
 * Without `sync`, a power cut may leave the old content, the new one, or anything in their place: for what its reader can
 * check, and make anew.
 */
export function replaceFile(
  place: SnapshotPlace,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
  sync = true,
): Promise<number> {
  const path = snapshotPath(place)
  const temporary = temporaryPath(place, randomBytes(8))
  const { fileSystem, directory } = place
  return withSystemErrorsLater(`writing ${path}`, async () => {
    signal?.throwIfAborted()
    const bytes = await writeAside(fileSystem, temporary, pieces, signal, sync)
    try {
      await fileSystem.rename(temporary, path)
    } catch (error) {
      await discard(fileSystem, temporary)
      throw error
    }
    if (sync) await fileSystem.syncDirectory(directory)
    return bytes
  })
}

/** All bytes of a file; `undefined` where there is none. Rejects with `SLUICE_IO`. */
export function readWholeFile(place: SnapshotPlace): Promise<Buffer | undefined> {
  const path = snapshotPath(place)
  return withSystemErrorsLater(`reading ${path}`, async () => {
    try {
      const file = await place.fileSystem.open(path)
      try {
        const bytes = Buffer.allocUnsafe(await file.size())
        return bytes.subarray(0, await readAtLeast(file, bytes, 0, 0, bytes.length))
      } finally {
        await file.close()
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  })
}

/** The bytes of a file; 0 where there is none. Rejects with `SLUICE_IO`. */
export function sizeOfFile(place: SnapshotPlace): Promise<number> {
  const path = snapshotPath(place)
  return withSystemErrorsLater(`looking at ${path}`, async () => {
    try {
      const file = await place.fileSystem.open(path)
      return await file.size().finally(() => file.close())
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 0
      throw error
    }
  })
}

/**
 * Removes what crashes left of attempts to write this one file, in a folder that is not its writer's own: nothing else is
 * touched. Blocks; throws `SLUICE_IO`.
 */
export function removeLeftovers(place: SnapshotPlace): void {
  const { fileSystem, directory, name } = place
  withSystemErrors(`cleaning up beside ${snapshotPath(place)}`, () => {
    for (const each of fileSystem.listSync(directory)) {
      const ending = each.startsWith(name) ? each.slice(name.length) : ''
      if (/^\.[0-9a-f]{16}\.tmp$/.test(ending)) fileSystem.removeSync(join(directory, each))
    }
  })
}

async function writeAside(
  fileSystem: FileSystem,
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  sync: boolean,
): Promise<number> {
  const fd = fileSystem.openSync(path, 'create')
  let closing = false
  try {
    const stage = new Stage(fileSystem, fd)
    for await (const piece of pieces) {
      signal?.throwIfAborted()
      await stage.add(piece)
      signal?.throwIfAborted()
    }
    await stage.flush()
    if (sync) await fileSystem.datasync(fd)
    signal?.throwIfAborted()
    closing = true
    fileSystem.closeSync(fd)
    return stage.bytes
  } catch (error) {
    if (!closing) closeQuietly(fileSystem, fd)
    await discard(fileSystem, path)
    throw error
  }
}

/** Gathers small pieces, and writes them at one go. */
class Stage {
  readonly #fileSystem: FileSystem
  readonly #fd: number
  #buffer = Buffer.allocUnsafe(0)
  #staged = 0
  #written = 0

  constructor(fileSystem: FileSystem, fd: number) {
    this.#fileSystem = fileSystem
    this.#fd = fd
  }

  /** Of all pieces so far. */
  get bytes(): number {
    return this.#written + this.#staged
  }

  async add(piece: Uint8Array): Promise<void> {
    if (this.#staged + piece.length > STAGE_BYTES) await this.flush()
    if (piece.length > STAGE_BYTES) {
      await this.#write(piece)
      return
    }
    if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafe(STAGE_BYTES)
    this.#buffer.set(piece, this.#staged)
    this.#staged += piece.length
  }

  async flush(): Promise<void> {
    const staged = this.#buffer.subarray(0, this.#staged)
    this.#staged = 0
    await this.#write(staged)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeFullyLater(this.#fileSystem, this.#fd, bytes, this.#written)
    this.#written += bytes.length
  }
}

/** After an error, which is what is told: not how this ends. */
function closeQuietly(fileSystem: FileSystem, fd: number): void {
  try {
    fileSystem.closeSync(fd)
  } catch {
    // Whatever it says, the descriptor is gone.
  }
}

async function discard(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path)
  } catch {
    // What stays behind is removed when the folder is opened the next time.
  }
}
