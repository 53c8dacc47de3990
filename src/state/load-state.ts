import { SluiceError, systemCode } from '../errors.js'
import type { Log } from '../log/contract.js'
import type { BackupName } from './backup-name.js'
import { type BackupSpan, isKnownAt, spansAround } from './backup-spans.js'
import type { Backups } from './backups.js'
import type { DamagedSnapshot } from './contract.js'
import type { EntryContent } from './entry.js'
import { Keyspace } from './keyspace.js'
import { decodeStateRecord, type StateRecord } from './state-record.js'
import { readSnapshotHead, readStateSnapshot } from './state-snapshot.js'

/** What is read of a log: also a reader beside the writer has it. */
export type StateSource = Pick<Log, 'read' | 'firstLsn' | 'durableLsn'>

export interface LoadOptions {
  /** Up to which record: by its LSN, or its time in milliseconds since the epoch. @default all that is durable */
  readonly at?: number | Date
  /** Values of a higher version are refused; without it any is taken as it is. */
  readonly schemaVersion?: number | undefined
  /** Whether a snapshot that is newer than the log is passed over: where the log is another process's, it may have gone on. */
  readonly passNewer?: boolean
}

/** A state, read from a snapshot and the log. */
export class LoadedState<V> {
  readonly keys = new Keyspace<V>()
  readonly schemaVersion: number | undefined
  readonly damaged: readonly DamagedSnapshot[]
  /** Keys whose values are older than `schemaVersion`, and their versions. */
  readonly versions = new Map<string, number>()
  snapshot: BackupName | undefined
  /** When that was made: milliseconds since the epoch. */
  snapshotCreated: number | undefined
  foundVersion = 1
  /** Records of the log that came after the snapshot. */
  replayed = 0
  /** The bytes of those that write. */
  replayedBytes = 0
  /** The time of the first of those: milliseconds since the epoch. */
  firstReplayed: number | undefined
  /** Snapshots above the one that was read that the log tells of. */
  readonly checkpoints = new Set<string>()
  /** Whether a plain file was being adopted, and the end is missing. */
  adopting = false

  constructor(schemaVersion: number | undefined, damaged: readonly DamagedSnapshot[]) {
    this.schemaVersion = schemaVersion
    this.damaged = damaged
  }

  put(key: string, lsn: number, content: EntryContent<unknown> | undefined, schema: number): void {
    // What a store of V has written is a V again, once it is of this schema version.
    this.keys.load(key, lsn, content as EntryContent<V> | undefined)
    if (this.schemaVersion === undefined) return
    if (content !== undefined && schema < this.schemaVersion) this.versions.set(key, schema)
    else if (this.versions.size > 0) this.versions.delete(key)
  }

  note(schema: number): void {
    if (this.schemaVersion !== undefined && schema > this.schemaVersion) throw newerSchema(schema, this.schemaVersion)
    this.foundVersion = Math.max(this.foundVersion, schema)
  }

  clear(): void {
    this.keys.clear()
    this.versions.clear()
  }

  replay(lsn: number, record: StateRecord, bytes: number, timestamp: number): void {
    this.replayed++
    if (record.kind === 'checkpoint') {
      this.checkpoints.add(record.file)
    } else if (record.kind === 'writes') {
      this.note(record.schema)
      this.replayedBytes += bytes
      this.firstReplayed ??= timestamp
      for (const { key, content, text } of record.writes) this.put(key, lsn, text ?? content, record.schema)
    } else {
      this.adopting = record.kind === 'adopt'
      // An attempt that a crash cut short counts for nothing.
      if (this.adopting) this.clear()
    }
  }
}

/**
 * Reads the state from the newest snapshot that serves, and the log behind it. Rejects with `SLUICE_CORRUPT`, `SLUICE_TRIMMED` (snapshots
 * and log don't reach so far back), `SLUICE_NEWER_SCHEMA`, `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`.
 */
export async function loadState<V>(
  source: StateSource,
  backups: Backups,
  options: LoadOptions = {},
): Promise<LoadedState<V>> {
  const { at } = options
  const toLsn = typeof at === 'number' ? at : source.durableLsn
  const toTime = at instanceof Date ? at.getTime() : Number.POSITIVE_INFINITY
  const { state, isWhole } = await fromSnapshot<V>(source, backups, toLsn, options)
  const base = state.keys.settledLsn
  let lsn = base
  if (!isWhole && base < toLsn) {
    for await (const { lsn: next, data, timestamp } of source.read({ from: base + 1, to: toLsn })) {
      if (timestamp > toTime) break
      state.replay(next, decodeStateRecord(next, data), data.length, timestamp)
      lsn = next
    }
  }
  // An adoption that a crash cut short counts for nothing.
  if (state.adopting) state.clear()
  state.keys.loaded(lsn)
  return state
}

/** What the log is to be read behind; `isWhole`: nothing, for the snapshot is the state that was asked for. */
interface Base<V> {
  readonly state: LoadedState<V>
  readonly isWhole: boolean
}

async function fromSnapshot<V>(
  source: StateSource,
  backups: Backups,
  toLsn: number,
  { schemaVersion, passNewer = false, at }: LoadOptions,
): Promise<Base<V>> {
  const damaged: DamagedSnapshot[] = []
  for (const backup of await backups.list()) {
    if (backup.lsn > source.durableLsn && !passNewer) throw aheadOfLog(backup, source.durableLsn)
    if (backup.lsn > toLsn) continue
    if (schemaVersion !== undefined && backup.schema > schemaVersion) throw newerSchema(backup.schema, schemaVersion)
    const state = new LoadedState<V>(schemaVersion, damaged)
    try {
      if (at instanceof Date && (await readSnapshotHead(backups.place(backup.name))).time > at.getTime()) {
        // Those that are newer than this one, damaged or not, are as far beyond that time.
        damaged.length = 0
        continue
      }
      const hasGap = backup.lsn + 1 < source.firstLsn
      const isWhole =
        hasGap && (at instanceof Date ? await isKnownAt(backups, backup, at.getTime()) : backup.lsn === toLsn)
      // Between it and the log there is a gap, as there is with all that are older.
      if (hasGap && !isWhole) break
      const head = await readStateSnapshot(backups.place(backup.name), (key, lsn, text) => {
        state.put(key, lsn, text, backup.schema)
      })
      if (head.lsn !== backup.lsn || head.schema !== backup.schema) throw misnamed(backup)
      state.keys.loaded(head.lsn)
      state.note(head.schema)
      state.snapshot = backup
      state.snapshotCreated = head.created
      return { state, isWhole }
    } catch (error) {
      if (!(error instanceof SluiceError) || systemCode(error) !== 'SLUICE_CORRUPT') throw error
      damaged.push({ file: backup.name, error })
      backups.damaged.add(backup.name)
    }
  }
  if (source.firstLsn > 1) throw await outOfReach(source, backups, damaged, at)
  return { state: new LoadedState<V>(schemaVersion, damaged), isWhole: false }
}

function newerSchema(found: number, schemaVersion: number): SluiceError {
  const message = `the state has values of schema version ${found}, and schemaVersion is ${schemaVersion}: a newer program wrote it`
  return new SluiceError('SLUICE_NEWER_SCHEMA', message)
}

function aheadOfLog({ name, lsn }: BackupName, durableLsn: number): SluiceError {
  const message = `the snapshot ${name} is of LSN ${lsn}, and the log ends at ${durableLsn}: records that were durable are gone`
  return new SluiceError('SLUICE_CORRUPT', message, { file: name, firstLsn: durableLsn + 1, lastLsn: lsn })
}

function misnamed({ name }: BackupName): SluiceError {
  return new SluiceError('SLUICE_CORRUPT', `the snapshot ${name} is of another moment than its name says`, {
    file: name,
  })
}

async function outOfReach(
  source: StateSource,
  backups: Backups,
  damaged: readonly DamagedSnapshot[],
  at: number | Date | undefined,
): Promise<SluiceError> {
  const { firstLsn } = source
  if (at !== undefined && damaged.length === 0) {
    const { before, after } = await spansAround(backups, at)
    const near = [before, after].flatMap((span) => (span === undefined ? [] : spanText(span)))
    const asked = at instanceof Date ? at.toISOString() : `LSN ${at}`
    const message = `no snapshot is the state at ${asked}, and the log begins with LSN ${firstLsn}; nearest are ${near.join(', and ')}`
    return new SluiceError('SLUICE_TRIMMED', message, {
      ...(before === undefined ? {} : { firstLsn: before.lsn }),
      ...(after === undefined ? {} : { lastLsn: after.lsn }),
    })
  }
  const [first] = damaged
  const what = first === undefined ? 'there is none' : `none is whole: ${first.error.message}`
  const message = `the log begins with LSN ${firstLsn} and needs a snapshot, but ${what}`
  return new SluiceError('SLUICE_CORRUPT', message, first === undefined ? {} : { file: first.file, cause: first.error })
}

function spanText({ lsn, from, until }: BackupSpan): string {
  const end = until === undefined ? '' : ` until before ${new Date(until).toISOString()}`
  return `LSN ${lsn} (from ${new Date(from).toISOString()}${end})`
}
