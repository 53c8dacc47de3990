import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import {
  type CheckpointReport,
  openStateStore,
  type RestoredState,
  restoreState,
  type StateStore,
  stateHistory,
} from '../state/index.js'
import type { CommandStreams } from './command.js'
import { parseArguments, parseLsn } from './command-line.js'
import { type ExitCode, NO_SUCH_KEY } from './exit-code.js'
import type { Output } from './output.js'
import { changeText, checkpointText } from './state-text.js'
import { UsageError } from './usage-error.js'

export const help = `Usage: sluice state DIR get|list|history|set|delete|checkpoint …

  get [--at WHEN] [--json] KEY
  list [--at WHEN] [--prefix TEXT] [--json]
  history [--json] KEY
  set KEY JSON
  delete KEY
  checkpoint [--json]

Looks into the state store in DIR, and changes it. get, list and history take no lock and change nothing: another
process may have the store open. set, delete and checkpoint need it for themselves. A folder that is not there is an
empty store.

get writes the value as JSON. list writes the keys in order, one a line as JSON strings. history writes all changes of a
key that the log still has, one a line: its LSN, its time, and the value as JSON, or that it was deleted. set takes its
value from standard input where JSON is "-". checkpoint writes the state into a snapshot, and says which. It gives up no
older one, and nothing of the log: that is left to the program that owns the store, which knows how many it keeps.

get and delete exit with 3 where there is no such key, and with 1 where something failed.

Options:
  --at WHEN      the state as it was after the record with this LSN, or at this time: 2026-01-31T12:00:00Z
  --prefix TEXT  only the keys that begin with this
  --json         JSON, an object a line. get, list: {"key":"…","value":…}
                 history: {"lsn":1,"timestamp":1700000000000,"value":…}; timestamp in milliseconds since the epoch;
                 without "value" where the key was deleted
                 checkpoint: {"lsn":1,"file":"…","entries":1,"bytes":…,"durationMs":…}; null where nothing changed

What begins with a hyphen goes behind "--": sluice state DIR set -- KEY -1

Examples:
  sluice state /var/lib/app/players get ada
  sluice state /var/lib/app/players list --prefix team: --json
  sluice state /var/lib/app/players history ada
  echo '{"score":7}' | sluice state /var/lib/app/players set ada -
`

/** What a value of any store is. */
type Json = string | number | boolean | object | null

interface Options {
  readonly at?: string
  readonly prefix?: string
  readonly json?: boolean
}

interface Action {
  /** Its arguments, by their names. */
  readonly takes: readonly string[]
  readonly options: readonly (keyof Options)[]
  run(directory: string, args: readonly string[], options: Options, streams: CommandStreams): Promise<ExitCode>
}

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['get', { takes: ['KEY'], options: ['at', 'json'], run: get }],
  ['list', { takes: [], options: ['at', 'prefix', 'json'], run: list }],
  ['history', { takes: ['KEY'], options: ['json'], run: history }],
  ['set', { takes: ['KEY', 'JSON'], options: [], run: set }],
  ['delete', { takes: ['KEY'], options: [], run: remove }],
  ['checkpoint', { takes: [], options: ['json'], run: checkpoint }],
])

export async function run(args: readonly string[], streams: CommandStreams): Promise<ExitCode> {
  const { positionals, values } = parseArguments(args, {
    at: { type: 'string' },
    prefix: { type: 'string' },
    json: { type: 'boolean' },
  })
  const [directory, name, ...rest] = positionals
  if (directory === undefined || directory === '') throw new UsageError('DIR is missing: the folder of the store')
  const known = [...ACTIONS.keys()].join(', ')
  if (name === undefined) throw new UsageError(`what to do is missing behind DIR: ${known}`)
  const action = ACTIONS.get(name)
  if (action === undefined) throw new UsageError(`there is no action ${JSON.stringify(name)}; there are ${known}`)
  const missing = action.takes[rest.length]
  if (missing !== undefined) throw new UsageError(`${missing} is missing behind ${name}`)
  const surplus = rest[action.takes.length]
  if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} behind ${name} is too much`)
  for (const option of ['at', 'prefix', 'json'] as const) {
    if (values[option] !== undefined && !action.options.includes(option)) {
      throw new UsageError(`${name} has no option --${option}`)
    }
  }
  return action.run(directory, rest, values, streams)
}

async function get(
  directory: string,
  [key = '']: readonly string[],
  { at, json = false }: Options,
  { output }: CommandStreams,
): Promise<ExitCode> {
  const value = (await stateOf(directory, at))?.get(key)
  if (value === undefined) return NO_SUCH_KEY
  if (json) putJson(output, { key, value })
  else output.putLine(JSON.stringify(value))
  return 0
}

async function list(
  directory: string,
  _: readonly string[],
  { at, prefix = '', json = false }: Options,
  { output }: CommandStreams,
): Promise<ExitCode> {
  const state = await stateOf(directory, at)
  for (const [key, value] of state?.scan(prefix) ?? []) {
    if (json) putJson(output, { key, value })
    else output.putLine(JSON.stringify(key))
    if (await isClosed(output)) break
  }
  return 0
}

async function history(
  directory: string,
  [key = '']: readonly string[],
  { json = false }: Options,
  { output }: CommandStreams,
): Promise<ExitCode> {
  if (!isThere(directory)) return 0
  for await (const change of stateHistory(directory, key)) {
    if (json) putJson(output, change)
    else output.putLine(changeText(change))
    if (await isClosed(output)) break
  }
  return 0
}

async function set(
  directory: string,
  [key = '', given = '']: readonly string[],
  _options: Options,
  { input }: CommandStreams,
): Promise<ExitCode> {
  const json = given === '-' ? await textOf(input(new AbortController().signal)) : given
  let value: Json
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new UsageError(`the value is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  await withStore(directory, (store) => store.set(key, value))
  return 0
}

async function remove(directory: string, [key = '']: readonly string[]): Promise<ExitCode> {
  if (!isThere(directory)) return NO_SUCH_KEY
  return (await withStore(directory, (store) => store.delete(key))) ? 0 : NO_SUCH_KEY
}

async function checkpoint(
  directory: string,
  _: readonly string[],
  { json = false }: Options,
  { output, messages }: CommandStreams,
): Promise<ExitCode> {
  const made = (store: StateStore<Json>): Promise<CheckpointReport | undefined> => {
    store.on('tidyFailed', ({ message }) =>
      messages.say(`the checkpoint is made; tidying up behind it failed: ${message}`),
    )
    return store.checkpoint()
  }
  const report = isThere(directory) ? await withStore(directory, made) : undefined
  if (json) putJson(output, report ?? null)
  else output.putLine(checkpointText(report))
  return 0
}

function putJson(output: Output, value: object | null): void {
  output.put(`${JSON.stringify(value)}\n`)
}

/** The state in a folder, in the form that it has there; `undefined` where there is none. */
async function stateOf(directory: string, at: string | undefined): Promise<RestoredState<Json> | undefined> {
  const moment = momentOf(at)
  if (!isThere(directory)) return undefined
  return restoreState<Json>(directory, moment === undefined ? {} : { at: moment })
}

function momentOf(text: string | undefined): number | Date | undefined {
  if (text === undefined || /^\d+$/.test(text)) return parseLsn('--at', text)
  const time = new Date(text)
  if (!Number.isNaN(time.getTime())) return time
  throw new UsageError(`--at must be an LSN or a time, such as 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`)
}

/**
 * What is kept, and when a checkpoint is due, is the business of the program that owns the store, and not known here: so
 * nothing is given up, nor made by itself.
 */
const KEEPING = {
  compaction: false,
  backups: { keep: 1000, gzipAfterMs: false, daily: 1000, weekly: 1000 },
} as const

async function withStore<Result>(
  directory: string,
  work: (store: StateStore<Json>) => Promise<Result>,
): Promise<Result> {
  // What is there keeps the form that it has.
  const schemaVersion = (await stateOf(directory, undefined))?.foundVersion ?? 1
  const store = await openStateStore<Json>(directory, { schemaVersion, ...KEEPING })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

function isThere(directory: string): boolean {
  return existsSync(join(directory, 'log'))
}

/** Writes what is put in where that is much, and says whether nobody reads it any more. */
async function isClosed(output: Output): Promise<boolean> {
  if (output.isFull) await output.flush()
  return output.closed.aborted
}
