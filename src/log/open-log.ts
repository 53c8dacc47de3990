import { absoluteFolder } from '../fs/folder-path.js'
import { nodeFileSystem } from '../fs/node-file-system.js'
import { Figures } from '../observe/figures.js'
import { resolveTuning } from '../options.js'
import type { Committer } from './committer.js'
import type { Log, LogOptions } from './contract.js'
import { InlineCommitter } from './inline-committer.js'
import { DirectoryLog } from './log.js'
import { ThreadCommitter } from './thread-committer.js'

/**
 * Opens the log in `directory`, and makes it where there is none: folders that are missing too. A relative path is
 * resolved at once: a later `chdir` doesn't matter. What a crash left is recovered first: see `log.recovery`.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_INVALID_OPTION`, naming what they refuse. Rejects with `SLUICE_LOCKED` (the
 * message says who holds the directory), `SLUICE_LOCK_UNAVAILABLE`, `SLUICE_CORRUPT`, `SLUICE_UNSUPPORTED_FORMAT`,
 * `SLUICE_DISK_FULL`, `SLUICE_IO`, and `SLUICE_INVALID_ARGUMENT` where the path is no folder.
 *
 * On Windows a directory can't be synced: a power cut may then take the newest segment's name, and all its records.
 */
export function openLog(directory: string, options: LogOptions = {}): Promise<Log> {
  return openLogWithFigures(directory, options, new Figures())
}

/** As {@link openLog}, with figures of the caller's: only for measuring what figures cost. */
export function openLogWithFigures(directory: string, options: LogOptions, figures: Figures): Promise<Log> {
  const root = absoluteFolder(directory)
  const tuning = resolveTuning(options)
  const fileSystem = options.fileSystem ?? nodeFileSystem
  return open()

  async function open(): Promise<Log> {
    const claim = await fileSystem.claim(root)
    let committer: Committer | undefined
    try {
      committer = newCommitter()
      return await DirectoryLog.start({ directory: root, fileSystem, claim, committer, tuning, figures })
    } catch (error) {
      await committer?.stop()
      await claim.release()
      throw error
    }
  }

  function newCommitter(): Committer {
    const capacityBytes = Math.floor(tuning.maxPendingBytes / 2)
    const { batch, flush, directorySync, segmentBytes, preparedSegments } = tuning
    const writerOptions = { directory: root, batch, flush, directorySync, segmentBytes, preparedSegments }
    return options.fileSystem === undefined
      ? new ThreadCommitter(writerOptions, capacityBytes, tuning.workerUrl)
      : new InlineCommitter(fileSystem, writerOptions, capacityBytes)
  }
}
