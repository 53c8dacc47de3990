import { setTimeout as delay } from 'node:timers/promises'
import { createWriteBehind, type Repository } from '../src/write-behind/index.js'
import { createPostgresqlRepository } from '../src/write-behind/postgresql-repository.js'
import { loadPeer } from './drivers/peers.js'
import { POSTGRESQL_DATABASE, POSTGRESQL_USER, startedUp, startPostgresql } from './servers/postgresql.js'
import type { TrialResults, TrialSpec } from './trial-spec.js'

/** What is used of pg. */
interface Pool {
  query(
    query: string | { name: string; text: string; values: readonly unknown[] },
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly unknown[] }>
  end(): Promise<void>
}
interface Pg {
  readonly Pool: new (options: { host: string; port: number; user: string; database: string; max: number }) => Pool
}

interface Session {
  readonly name: string
  readonly level: number
  readonly inventory: readonly number[]
}

/** The same for both ways. */
const CONNECTIONS = 4
const ROWS = 10_000
const MAX_BATCH = 1000
const WINDOWS = 5

const SESSIONS = 100
const SAVE_MS = 5

/** Rows a second that reach a table of PostgreSQL: written behind, and by one prepared upsert a row, in turns. */
export async function upsertSessions(
  spec: TrialSpec & { kind: 'upsert-sessions' },
): Promise<TrialResults['upsert-sessions']> {
  const server = await startPostgresql(spec.directory)
  const { Pool } = loadPeer<Pg>('pg')
  const connection = { host: '127.0.0.1', port: server.port, user: POSTGRESQL_USER, database: POSTGRESQL_DATABASE }
  const pool = new Pool({ ...connection, max: CONNECTIONS })
  try {
    await startedUp(() => pool.query('SELECT 1'))
    const client = { query: (text: string, values?: unknown[]) => pool.query(text, values) }
    const repository = createPostgresqlRepository<Session>({ client, table: 'sessions' })
    await repository.createTable()
    const windowMs = (spec.seconds * 1000) / WINDOWS
    await writtenBehind(repository, 0) // Both only update rows.
    await oneByOne(pool, windowMs / 2)
    const behind: number[] = []
    const single: number[] = []
    for (let window = 0; window < WINDOWS; window++) {
      behind.push(await writtenBehind(repository, windowMs))
      single.push(await oneByOne(pool, windowMs))
    }
    return { behindRowsPerSecond: mean(behind), singleRowsPerSecond: mean(single) }
  } finally {
    await pool.end()
    await server.stop()
  }
}

/** Milliseconds to save dirty sessions to a repository that takes some for each save: in one flush, and one by one. */
export async function flushSessions(): Promise<TrialResults['flush-sessions']> {
  const repository: Repository<Session> = {
    async saveMany() {
      await delay(SAVE_MS)
    },
  }
  const behind = createWriteBehind<Session>({ repository })
  const flushMs: number[] = []
  for (let flush = 0; flush < 20; flush++) {
    for (let i = 0; i < SESSIONS; i++) void behind.markDirty(`session ${i}`, sessionOf(i))
    const begunMs = performance.now()
    await behind.flush()
    flushMs.push(performance.now() - begunMs)
  }
  await behind.close()
  const begunMs = performance.now()
  const { signal } = new AbortController()
  for (let i = 0; i < SESSIONS; i++) {
    await repository.saveMany([{ key: `session ${i}`, value: sessionOf(i) }], { signal })
  }
  return { flushMs: Math.max(...flushMs), singleMs: performance.now() - begunMs }
}

async function writtenBehind(repository: Repository<Session>, forMs: number): Promise<number> {
  const behind = createWriteBehind({ repository, maxBatch: MAX_BATCH, concurrency: CONNECTIONS })
  const begunMs = performance.now()
  do {
    for (let i = 0; i < ROWS; i++) void behind.markDirty(`session ${i}`, sessionOf(i))
    await behind.flush()
  } while (performance.now() - begunMs < forMs)
  const rows = behind.stats().totalSaved
  const seconds = (performance.now() - begunMs) / 1000
  await behind.close()
  return rows / seconds
}

async function oneByOne(pool: Pool, forMs: number): Promise<number> {
  const text =
    'INSERT INTO sessions (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value'
  const begunMs = performance.now()
  let rows = 0
  let next = 0
  const upsert = async (): Promise<void> => {
    while (performance.now() - begunMs < forMs) {
      const i = next++ % ROWS
      await pool.query({ name: 'upsert', text, values: [`session ${i}`, JSON.stringify(sessionOf(i))] })
      rows += 1
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, upsert))
  return rows / ((performance.now() - begunMs) / 1000)
}

function sessionOf(i: number): Session {
  return { name: `player ${i}`, level: i % 60, inventory: [i, i + 1, i + 2, i + 3] }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
