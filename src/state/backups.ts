import { systemCode } from '../errors.js'
import {
  listSnapshots,
  makeSnapshotFolder,
  removeSnapshot,
  type SnapshotFileSystem,
  type SnapshotPlace,
} from '../snapshot/snapshot-place.js'
import { type BackupName, byAge, parseBackupName } from './backup-name.js'
import { type DatedBackup, keptBackups, type Retention, recentBackups } from './retention.js'
import { compressSnapshot, readSnapshotHead, type SnapshotHead } from './state-snapshot.js'

/** The folder of a store's snapshots, in the store's own. */
export class Backups {
  readonly fileSystem: SnapshotFileSystem
  readonly directory: string
  /** Those that were found damaged. They are let be, but nothing relies on them. */
  readonly damaged = new Set<string>()

  constructor(fileSystem: SnapshotFileSystem, directory: string) {
    this.fileSystem = fileSystem
    this.directory = directory
  }

  /** Only for the store's owner. */
  makeFolder(): void {
    makeSnapshotFolder(this.fileSystem, this.directory)
  }

  place(name: string): SnapshotPlace {
    return { fileSystem: this.fileSystem, directory: this.directory, name }
  }

  /** All that are there, newest first. */
  async list(): Promise<BackupName[]> {
    const names = await listSnapshots(this.fileSystem, this.directory)
    return names.flatMap((name) => parseBackupName(name) ?? []).sort(byAge)
  }

  /** What a backup says of itself; `undefined` where it is damaged, which is noted. Rejects with `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`. */
  async headOf({ name }: BackupName): Promise<SnapshotHead | undefined> {
    if (this.damaged.has(name)) return undefined
    try {
      return await readSnapshotHead(this.place(name))
    } catch (error) {
      if (systemCode(error) !== 'SLUICE_CORRUPT') throw error
      this.damaged.add(name)
      return undefined
    }
  }

  /**
   * Removes what need not be kept, and compresses what is old. Resolves to the LSN of the oldest backup that the log is kept for;
   * `undefined` while there are fewer than that: then the log is kept from its beginning.
   */
  async tidy(retention: Retention, compressBefore: number, signal: AbortSignal): Promise<number | undefined> {
    const backups = await this.#dated()
    const recent = recentBackups(backups, retention.keep)
    const oldest = recent.length < retention.keep ? undefined : recent.at(-1)?.lsn
    const kept = keptBackups(backups, retention)
    for (const backup of backups) if (!kept.has(backup)) await removeSnapshot(this.place(backup.name))
    if (oldest !== undefined) await this.#removeDamaged(oldest)
    for (const backup of kept) {
      // The newest one is the next to be read.
      if (backup.gzip || backup === recent[0] || backup.created >= compressBefore) continue
      await compressSnapshot(this.fileSystem, this.directory, backup, signal)
      await removeSnapshot(this.place(backup.name))
    }
    return oldest
  }

  /** Those that are not known to be damaged; of one that is there twice, plain and compressed, the plain one goes. */
  async #dated(): Promise<DatedBackup[]> {
    const found = new Map<string, DatedBackup>()
    for (const backup of await this.list()) {
      const created = (await this.headOf(backup))?.created
      if (created === undefined) continue
      const same = `${backup.lsn}-${backup.schema}`
      const other = found.get(same)
      if (other !== undefined) await removeSnapshot(this.place(other.name))
      found.set(same, { ...backup, created })
    }
    return [...found.values()]
  }

  async #removeDamaged(beforeLsn: number): Promise<void> {
    for (const { name, lsn } of await this.list()) {
      if (lsn < beforeLsn && this.damaged.has(name)) await removeSnapshot(this.place(name))
    }
  }
}
