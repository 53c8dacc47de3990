import test from 'ava'
import { Pool } from 'pg'
import { createPostgresqlRepository, type PostgresqlOptions } from 'sluice/write-behind/postgresql'
import {
  POSTGRESQL_DATABASE,
  POSTGRESQL_USER,
  postgresqlProgram,
  startedUp,
  startPostgresql,
} from '../../bench/servers/postgresql.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { throws } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Session {
  readonly name: string
  readonly level: number
}

test('sessions are written behind to a real PostgreSQL', async (t) => {
  if (postgresqlProgram() === undefined) {
    t.log("skipped: PostgreSQL is not installed (Debian's package postgresql)")
    t.pass()
    return
  }
  const server = await startPostgresql(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const pool = new Pool({
    host: '127.0.0.1',
    port: server.port,
    user: POSTGRESQL_USER,
    database: POSTGRESQL_DATABASE,
    max: 4,
  })
  t.teardown(() => pool.end())
  await startedUp(() => pool.query('SELECT 1'))
  const statements: string[] = []
  const client: PostgresqlOptions<never>['client'] = {
    query(text, values) {
      statements.push(text.split(' ', 1)[0] ?? '')
      return pool.query(text, values)
    },
  }

  await t.notThrowsAsync(async () => {
    // A table name that would be an attack, were it not quoted.
    const table = 'Sessions"; DROP TABLE pg_class; --'
    const repository = createPostgresqlRepository<Session>({ client, table })
    await repository.createTable()
    await repository.createTable()
    const behind = createWriteBehind({ repository, maxBatch: 1000, concurrency: 1, retry: { flushAttempts: 1 } })
    statements.length = 0
    for (let i = 0; i < 1000; i++) void behind.markDirty(`s${i}`, { name: `name ${i}`, level: i })
    await behind.flush()
    t.deepEqual(statements, ['INSERT'], 'a thousand rows are one statement')
    for (let i = 0; i < 1000; i++) void behind.markDirty(`s${i}`, { name: '\'"\\{},NULL ü 🙂', level: i + 1 })
    await behind.flush()
    t.deepEqual(await repository.load('s7'), { name: '\'"\\{},NULL ü 🙂', level: 8 })
    t.is(await repository.load('none'), undefined)

    // PostgreSQL has no text with a NUL: that row alone is refused, and the others are saved.
    const keys = Array.from({ length: 16 }, (_, i) => (i === 5 ? 'bad\0key' : `good ${i}`))
    for (const key of keys) void behind.markDirty(key, { name: key === 'good 9' ? 'bad\0value' : 'fine', level: 1 })
    const error = await t.throwsAsync(behind.flush(), { code: 'SLUICE_SAVE_FAILED' })
    t.deepEqual([...(error as unknown as { keys: string[] }).keys].sort(), ['bad\0key', 'good 9'])
    t.like(await repository.load('good 15'), { level: 1 })
    t.is(behind.stats().dirty, 2)
    t.is(behind.stats().breaker, 'closed')
    await behind.close().catch(() => {})
  })

  await t.notThrowsAsync(async () => {
    await pool.query('CREATE SCHEMA "My Games"')
    const repository = createPostgresqlRepository<Buffer>({
      client,
      table: ['My Games', 'blobs'],
      keyColumn: 'Id',
      valueColumn: 'select',
      valueType: 'bytea',
      encode: (value) => value,
      decode: (column) => column as Buffer,
    })
    await repository.createTable()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await repository.saveMany([{ key: 'a', value: bytes }], { signal: new AbortController().signal })
    t.deepEqual(await repository.load('a'), bytes)
    const text = createPostgresqlRepository<unknown>({ client, table: 'texts', valueType: 'text' })
    await text.createTable()
    const circular: { self?: unknown } = {}
    circular.self = circular
    const entries = [5n, circular, { b: [1] }].map((value, i) => ({ key: `${i}`, value }))
    const report = await text.saveMany(entries, { signal: new AbortController().signal })
    t.deepEqual(
      [...(report?.failed ?? [])].map(({ key }) => key),
      ['0', '1'],
    )
    t.deepEqual(await text.load('2'), { b: [1] })
  })

  const missing = createPostgresqlRepository<Session>({ client, table: 'missing' })
  const entry = { key: 'a', value: { name: '', level: 0 } }
  await t.throwsAsync(missing.saveMany([entry], { signal: new AbortController().signal }), { code: '42P01' })
})

test('bad options of the PostgreSQL repository are refused', (t) => {
  const client = { query: async () => ({ rows: [] }) }
  const refused: readonly (readonly [object, string])[] = [
    [{ table: 'a' }, 'client'],
    [{ client, table: '' }, 'table'],
    [{ client, table: 'a\0' }, 'table'],
    [{ client, table: 'x'.repeat(64) }, '63 bytes'],
    [{ client, table: ['a', 'b', 'c'] }, 'table'],
    [{ client, table: 'a', keyColumn: 5 }, 'keyColumn'],
    [{ client, table: 'a', valueType: 'int' }, 'valueType'],
    [{ client, table: 'a', valueType: 'bytea' }, 'encode'],
    [{ client, table: 'a', encode: 5 }, 'encode'],
    [{ client, table: 'a', schema: 'b' }, 'schema'],
  ]
  for (const [options, mentions] of refused) {
    throws(t, () => createPostgresqlRepository(options as PostgresqlOptions<number>), {
      code: 'SLUICE_INVALID_OPTION',
      mentions,
    })
  }
})
