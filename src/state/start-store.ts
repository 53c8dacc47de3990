import { SluiceError } from '../errors.js'
import type { Log } from '../log/contract.js'
import { removeLeftovers, sizeOfFile } from '../snapshot/replaced-file.js'
import type { SnapshotPlace } from '../snapshot/snapshot-place.js'
import { backupName, parseBackupName } from './backup-name.js'
import { replacedTimes } from './backup-spans.js'
import type { Backups } from './backups.js'
import { Checkpointer } from './checkpointer.js'
import type { StateRecovery, StateStore } from './contract.js'
import { JsonFile, readJsonFile } from './json-file.js'
import { jsonOf } from './json-text.js'
import { type LoadedState, loadState } from './load-state.js'
import { dueMigrations, isWhollyOf, migrateTo } from './migrations.js'
import type { ResolvedStateOptions } from './state-options.js'
import { RecordEncoder, type WriteText } from './state-record.js'
import { DirectoryStateStore } from './store.js'
import { Turns } from './turns.js'
import { WriteLine } from './write-line.js'

/** What is adopted goes into records of about so many characters. */
const ADOPTED_LENGTH = 256 * 1024
const MAX_WAITING = 16_384
const MAX_PENDING_BYTES = 64 * 2 ** 20

/** Reads the state of a log that was just opened, brings it up to date, and makes the store of it. The caller closes the log where it rejects. */
export async function startStore<V>(
  log: Log,
  backups: Backups,
  options: ResolvedStateOptions,
  json: SnapshotPlace | undefined,
): Promise<StateStore<V>> {
  backups.makeFolder()
  if (json !== undefined) removeLeftovers(json)
  const state = await loadState<V>(log, backups, { schemaVersion: options.schemaVersion })
  const migrated: Record<number, number> = {}
  const recovery: { -readonly [Field in keyof StateRecovery]: StateRecovery[Field] } = {
    snapshot: state.snapshot?.name,
    damaged: state.damaged,
    missing: await missingOf(state, backups),
    replayed: state.replayed,
    migrated,
    adopted: 0,
  }
  const { keys } = state
  const encoder = new RecordEncoder(options.schemaVersion)
  const { maxWaiting = MAX_WAITING, maxPendingBytes = MAX_PENDING_BYTES } = options.log
  const line = new WriteLine(maxWaiting, maxPendingBytes / 2)
  const store = new DirectoryStateStore<V>({ log, keys, backups, line, encoder, options, recovery })
  const dumps = new Turns()
  const snapshotBytes = state.snapshot === undefined ? 0 : await sizeOfFile(backups.place(state.snapshot.name))
  const checkpointer = new Checkpointer<V>(
    {
      ...options,
      keys,
      backups,
      dumps,
      record: (file) => store.note(encoder.checkpoint(file)),
      // Where the record is gone, the time is later than its own: nothing is said of the moments between. The log's clock, not `now`.
      timeOf: async (lsn) => (lsn < log.firstLsn ? undefined : (await log.get(lsn))?.timestamp) ?? Date.now(),
      replaced: () => replacedTimes(log, backups),
      trim: (lsn) => log.trim(lsn + 1),
      listener: {
        progress: (progress) => store.emit('checkpointProgress', progress),
        made: (report) => store.emit('checkpoint', report),
        failed: (error) => store.emit('checkpointFailed', error),
        tidyFailed: (error) => store.emit('tidyFailed', error),
      },
    },
    new Turns(),
    { logBytes: state.replayedBytes, snapshotBytes, since: state.snapshotCreated ?? state.firstReplayed },
  )
  for (const version of dueMigrations(state)) {
    migrated[version] = migrateTo(version, options.migrations, state)
    // Durable before the next one begins: a crash costs one migration at the most.
    if (isWhollyOf(version, state)) await checkpointer.make(version)
  }
  if (json !== undefined) recovery.adopted = await adoptInto(store, log, state, encoder, json)
  else if (state.adopting) throw interrupted('open it with the json option that it was begun with')
  store.begin(
    checkpointer,
    json && new JsonFile(json, options.json?.debounceMs ?? 0, keys, dumps, (error) => store.emit('jsonFailed', error)),
  )
  return store
}

/** Snapshots that the log tells of, newer than the one that was read, and that are not there. */
async function missingOf(state: LoadedState<unknown>, backups: Backups): Promise<string[]> {
  const there = new Set((await backups.list()).map(({ lsn, schema }) => backupName(lsn, schema, false).name))
  return [...state.checkpoints].filter((name) => !there.has(name) && parseBackupName(name) !== undefined)
}

/** Makes a plain JSON file the first content of a store that never had any; returns how many keys that were. */
async function adoptInto(
  store: DirectoryStateStore<unknown>,
  log: Log,
  state: LoadedState<unknown>,
  encoder: RecordEncoder,
  json: SnapshotPlace,
): Promise<number> {
  const isNew = log.nextLsn === 1 && state.snapshot === undefined
  if (!isNew && !state.adopting) return 0
  const entries = await readJsonFile(json)
  if (entries === undefined) {
    if (state.adopting) throw interrupted('that file is gone')
    return 0
  }
  await store.note(encoder.adopt(json.name))
  const written: Promise<unknown>[] = []
  let writes: WriteText[] = []
  let length = 0
  for (const [key, value] of entries) {
    const text = jsonOf(value)
    if (length > 0 && length + key.length + text.length > ADOPTED_LENGTH) {
      written.push(store.writeBatch(writes))
      writes = []
      length = 0
    }
    writes.push({ key, text })
    length += key.length + text.length
  }
  written.push(store.writeBatch(writes), store.note(encoder.adopted(entries.length)))
  await Promise.all(written)
  return entries.length
}

function interrupted(what: string): SluiceError {
  const message = `the store was made of a plain JSON file, a crash cut that short, and it can't be done again: ${what}`
  return new SluiceError('SLUICE_CORRUPT', message)
}
