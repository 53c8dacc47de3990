import { join } from 'node:path'
import { SluiceError, shown } from '../errors.js'
import { absoluteFolder } from '../fs/folder-path.js'
import { nodeFileSystem } from '../fs/node-file-system.js'
import type { Log, LogOptions } from '../log/contract.js'
import { openLogReader } from '../log/log-reader.js'
import { openLog } from '../log/open-log.js'
import { refuseOption, wholeOption } from '../option-checks.js'
import { resolveTuning } from '../options.js'
import type { EventShape } from './contract.js'
import { DirectoryEventStore } from './directory-event-store.js'
import type { WaitingBounds } from './event-appender.js'
import type { EventHistory } from './event-feed.js'
import { IndexCheckpoints, SEALING, type SealingRule } from './index-checkpoints.js'
import { CheckpointFolder } from './projection-checkpoint.js'
import { isPlain } from './query.js'
import type { DirectoryEventStore as Contract, EventContextOptions, EventStoreOptions } from './store-contract.js'

const REMEMBERED_IDS = 100_000
const REMEMBERED_IDS_MAX = 5_000_000
const CONTEXT_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/

interface CheckedOptions {
  readonly log: LogOptions
  readonly bounds: WaitingBounds
  readonly rememberedIds: number
}

/**
 * Opens the event store in `directory`, and makes it where there is none: folders that are missing too. What a crash left is
 * recovered first. Its log lies in `log`, its index in `index`, contexts in `contexts/<name>`.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_INVALID_OPTION`, naming what they refuse. Rejects as `openLog` does; with
 * `SLUICE_CORRUPT` where the log holds something else than events, and with `SLUICE_TRIMMED` where its first records are gone.
 */
export function openEventStore<E extends EventShape = EventShape>(
  directory: string,
  options: EventStoreOptions = {},
): Promise<Contract<E>> {
  return openEventStoreSealing(directory, options, SEALING)
}

/** As {@link openEventStore}, with files of its index that are sealed by another rule: only for tests. */
export function openEventStoreSealing<E extends EventShape = EventShape>(
  directory: string,
  options: EventStoreOptions,
  rule: SealingRule,
): Promise<Contract<E>> {
  const root = absoluteFolder(directory)
  const { contexts = {}, ...own } = checkObject(options)
  const checked = checkOptions(own, 'an event store')
  const below = checkContexts(contexts, own)
  return open()

  async function open(): Promise<DirectoryEventStore<E>> {
    const opened = new Map<string, DirectoryEventStore>()
    try {
      for (const [name, each] of below)
        opened.set(name, await openOne(join(root, 'contexts', name), each, new Map(), rule))
      return await openOne<E>(root, checked, opened, rule)
    } catch (error) {
      // What this ends with is told by what went wrong before.
      await Promise.allSettled([...opened.values()].map((context) => context.close()))
      throw error
    }
  }
}

async function openOne<E extends EventShape>(
  root: string,
  { log: logOptions, bounds, rememberedIds }: CheckedOptions,
  contexts: ReadonlyMap<string, DirectoryEventStore>,
  rule: SealingRule,
): Promise<DirectoryEventStore<E>> {
  const log = await openLog(join(root, 'log'), logOptions)
  try {
    refuseTrimmed(log)
    const fileSystem = logOptions.fileSystem ?? nodeFileSystem
    const folder = { fileSystem, directory: join(root, 'index') }
    const opened = await IndexCheckpoints.open(log, folder, rememberedIds, rule)
    const projections = new CheckpointFolder(fileSystem, join(root, 'projections'))
    const afterwards = readingOf(join(root, 'log'), fileSystem)
    return new DirectoryEventStore<E>({ log, opened, bounds, projections, contexts, afterwards })
  } catch (error) {
    await log.close().catch(() => {}) // What went wrong before is what counts.
    throw error
  }
}

/** Reads a log that was closed, which leaves no file open between two times. */
function readingOf(directory: string, fileSystem: NonNullable<LogOptions['fileSystem']>): EventHistory['afterwards'] {
  return async (task) => {
    const reader = await openLogReader(directory, { fileSystem }).catch((cause: unknown) => {
      throw new SluiceError('SLUICE_CLOSED', 'the event store is closed, and can no longer be read', { cause })
    })
    try {
      return await task(reader)
    } finally {
      await reader.close()
    }
  }
}

function refuseTrimmed(log: Log): void {
  if (log.firstLsn === 1) return
  const message = `the log begins at ${log.firstLsn}: an event store needs it from the first record`
  throw new SluiceError('SLUICE_TRIMMED', message, { firstLsn: log.firstLsn })
}

function checkContexts(contexts: unknown, inherited: EventContextOptions): Map<string, CheckedOptions> {
  if (!isPlain(contexts)) refuseOption(`contexts must be an object, not ${shown(contexts)}`)
  const checked = new Map<string, CheckedOptions>()
  for (const [name, own] of Object.entries(contexts)) {
    if (!CONTEXT_NAME.test(name)) refuseOption(`a context can't have the name ${shown(name)}`)
    const same = [...checked.keys()].find((other) => other.toLowerCase() === name.toLowerCase())
    if (same !== undefined) refuseOption(`the contexts ${same} and ${name} are one folder where case does not count`)
    checked.set(name, checkOptions({ ...inherited, ...givenOf(checkObject(own)) }, `the context ${name}`))
  }
  return checked
}

/** What is `undefined` is not given: it hides nothing that is inherited. */
function givenOf(options: EventContextOptions): EventContextOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function checkOptions({ rememberedIds: ids, ...rest }: EventContextOptions, whose: string): CheckedOptions {
  const rememberedIds = wholeOption('rememberedIds', ids, 0, REMEMBERED_IDS_MAX, REMEMBERED_IDS)
  const { flush, ack }: LogOptions = rest
  if (flush === 'never') refuseOption(`${whose} resolves appends as durable: flush can't be 'never'`)
  if (ack !== undefined) refuseOption(`${whose} resolves appends as durable: there is no option ack`)
  const { onFull, maxWaiting, maxPendingBytes } = resolveTuning(rest)
  const maxWaitingBytes = Math.floor(maxPendingBytes / 2)
  return { log: { ...rest, onFull: 'reject' }, bounds: { onFull, maxWaiting, maxWaitingBytes }, rememberedIds }
}

function checkObject<Options extends object>(options: Options): Options {
  if (!isPlain(options)) refuseOption(`options must be an object, not ${shown(options)}`)
  return options
}
