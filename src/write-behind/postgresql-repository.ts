import { shown, systemCode } from '../errors.js'
import { refuseOption, refuseUnknownOption } from '../option-checks.js'
import type { Entry, Repository, SaveFailure, SaveReport } from './contract.js'

/** What is used of a `Pool` or `Client` of pg. */
export interface PostgresqlClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

export interface PostgresqlOptions<V> {
  /** Its pool's `statement_timeout` bounds a save: a query that was sent is not called off by a signal. */
  readonly client: PostgresqlClient
  /** The table's name, or `[schema, table]`. Names are quoted: they mean what they say, in upper and lower case. */
  readonly table: string | readonly [schema: string, table: string]
  /** A column of the type `text`, with a unique index. @default 'key' */
  readonly keyColumn?: string
  /** @default 'value' */
  readonly valueColumn?: string
  /** The value column's type. @default 'jsonb' */
  readonly valueType?: 'jsonb' | 'json' | 'text' | 'bytea'
  /** What is written for a value: text, or for `bytea` a Buffer. @default JSON, refused for `bytea` */
  readonly encode?: (value: V) => string | Buffer
  /** A value from what pg reads. @default what pg makes of JSON; `JSON.parse` for `text` */
  readonly decode?: (column: unknown) => V
}

/** A repository that also makes its table. */
export interface PostgresqlRepository<V, K extends string = string> extends Repository<V, K> {
  load(key: K): Promise<V | undefined>
  /** Makes the table where it is missing. */
  createTable(): Promise<void>
}

const OPTION_NAMES = ['client', 'table', 'keyColumn', 'valueColumn', 'valueType', 'encode', 'decode']
const VALUE_TYPES = ['jsonb', 'json', 'text', 'bytea']
/** PostgreSQL cuts longer names off in silence. */
const NAME_BYTES_MAX = 63
/** SQLSTATE classes that blame the data, not the server: data exceptions and violated constraints. */
const DATA_FAULTS = /^2[23]/

/**
 * A repository in a table of PostgreSQL: each batch is one upsert of many rows. Where a row is refused for its data, the
 * others are saved: the batch is halved until it is found.
 *
 * Throws `SLUICE_INVALID_OPTION`.
 */
export function createPostgresqlRepository<V, K extends string = string>(
  options: PostgresqlOptions<V>,
): PostgresqlRepository<V, K> {
  checkOptions(options)
  const { client, table, keyColumn = 'key', valueColumn = 'value', valueType = 'jsonb' } = options
  const { encode = defaultEncode, decode = defaultDecode(valueType) } = options
  const name = typeof table === 'string' ? quoted(table) : table.map(quoted).join('.')
  const [key, value] = [quoted(keyColumn), quoted(valueColumn)]
  const upsert =
    `INSERT INTO ${name} (${key}, ${value}) SELECT * FROM unnest($1::text[], $2::${valueType}[]) ` +
    `ON CONFLICT (${key}) DO UPDATE SET ${value} = EXCLUDED.${value}`

  return {
    async saveMany(entries) {
      const failed: SaveFailure<K>[] = []
      const rows: Row<K>[] = []
      for (const entry of entries) {
        const row = encoded(entry, failed)
        if (row !== undefined) rows.push(row)
      }
      if (rows.length > 0) await save(rows, failed)
      return { failed } satisfies SaveReport<K>
    },

    async load(wanted) {
      const { rows } = await client.query(`SELECT ${value} AS value FROM ${name} WHERE ${key} = $1`, [wanted])
      const [row] = rows
      return row === undefined ? undefined : decode(Reflect.get(Object(row), 'value'))
    },

    async createTable() {
      await client.query(`CREATE TABLE IF NOT EXISTS ${name} (${key} text PRIMARY KEY, ${value} ${valueType} NOT NULL)`)
    },
  }

  function encoded(entry: Entry<V, K>, failed: SaveFailure<K>[]): Row<K> | undefined {
    try {
      return { key: entry.key, value: encode(entry.value) }
    } catch (error) {
      failed.push({ key: entry.key, error })
      return undefined
    }
  }

  async function save(rows: readonly Row<K>[], failed: SaveFailure<K>[]): Promise<void> {
    try {
      await client.query(upsert, [rows.map((row) => row.key), rows.map((row) => row.value)])
    } catch (error) {
      if (!DATA_FAULTS.test(systemCode(error) ?? '')) throw error
      const [first] = rows
      if (rows.length === 1 && first !== undefined) {
        failed.push({ key: first.key, error })
        return
      }
      const half = Math.ceil(rows.length / 2)
      await save(rows.slice(0, half), failed)
      await save(rows.slice(half), failed)
    }
  }
}

interface Row<K extends string> {
  readonly key: K
  readonly value: string | Buffer
}

function defaultEncode(value: unknown): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`JSON has no ${typeof value}`)
  return text
}

function defaultDecode<V>(valueType: string): (column: unknown) => V {
  // It was a V when it was written; JSON gives back what JSON can hold of it.
  return (column) => (valueType === 'text' ? JSON.parse(String(column)) : column) as V
}

function checkOptions<V>(options: PostgresqlOptions<V>): void {
  if (typeof options !== 'object' || options === null) refuseOption(`options must be an object, not ${shown(options)}`)
  refuseUnknownOption('', options, OPTION_NAMES)
  const { client, table, keyColumn = 'key', valueColumn = 'value', valueType = 'jsonb', encode, decode } = options
  if (typeof client?.query !== 'function') refuseOption(`client must be a Pool or Client of pg, not ${shown(client)}`)
  const names: readonly unknown[] = Array.isArray(table) ? table : [table]
  if (names.length > 2 || names.length < 1) refuseOption('table must be a name, or [schema, table]')
  for (const name of names) checkName('table', name)
  checkName('keyColumn', keyColumn)
  checkName('valueColumn', valueColumn)
  if (!VALUE_TYPES.includes(valueType))
    refuseOption(`valueType must be one of ${VALUE_TYPES.join(', ')}, not ${shown(valueType)}`)
  for (const [name, given] of [
    ['encode', encode],
    ['decode', decode],
  ] as const) {
    if (given !== undefined && typeof given !== 'function')
      refuseOption(`${name} must be a function, not ${shown(given)}`)
    if (given === undefined && valueType === 'bytea') refuseOption(`valueType: 'bytea' needs the option ${name}`)
  }
}

function checkName(option: string, name: unknown): void {
  if (typeof name !== 'string' || name === '' || name.includes('\0') || !name.isWellFormed()) {
    refuseOption(`${option} must be a name, not ${shown(name)}`)
  }
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    refuseOption(`${option}: ${shown(name)} has more than ${NAME_BYTES_MAX} bytes`)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
