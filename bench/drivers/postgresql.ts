import {
  POSTGRESQL_DATABASE,
  POSTGRESQL_USER,
  postgresqlProgram,
  startedUp,
  startPostgresql,
} from '../servers/postgresql.js'
import type { Server } from '../servers/server.js'
import { AppBatcher } from './app-batcher.js'
import type { Driver, DriverSetting } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of pg. */
interface Pool {
  query(query: string | { name: string; text: string; values: readonly unknown[] }): Promise<unknown>
  end(): Promise<void>
}
interface Pg {
  readonly Pool: new (options: {
    host: string
    port: number
    user: string
    database: string
    max: number
    idleTimeoutMillis: number
  }) => Pool
}

/** Each is a process of the server; what waits for a commit in several of them shares its sync. */
const CONNECTIONS_MAX = 32
const SETTINGS = 'PostgreSQL on loopback, fsync and synchronous_commit on, no checkpoint meanwhile'
const COMMON = {
  role: 'server',
  promise: { text: 'P1', isP1: true },
  preparation: 'none',
  warmUpSeconds: 1,
  program: postgresqlProgram,
  whyMissing: () =>
    whyPackageMissing('pg') ??
    (postgresqlProgram() === undefined ? "PostgreSQL is not installed (Debian's package postgresql)" : undefined),
} as const

export const postgresql: Driver = {
  ...COMMON,
  description: `${SETTINGS}: one insert a transaction by pg, prepared, over a pool of up to ${CONNECTIONS_MAX} connections`,
  async open(setting) {
    const connections = Math.min(setting.producers, CONNECTIONS_MAX)
    const { server, pool } = await openPool(setting, connections)
    return {
      kind: 'asynchronous',
      port: server.port,
      append: (record) => pool.query({ name: 'append', text: 'INSERT INTO log (data) VALUES ($1)', values: [record] }),
      async close() {
        await pool.end()
        await server.stop()
      },
    }
  },
}

export const postgresqlBatched: Driver = {
  ...COMMON,
  description: `${SETTINGS}: all that arrived while the insert before was under way in one insert by pg, prepared, over one connection`,
  async open(setting) {
    const { server, pool } = await openPool(setting, 1)
    const insertAll = (records: readonly Buffer[]): Promise<unknown> =>
      pool.query({
        name: 'append',
        text: 'INSERT INTO log (data) SELECT data FROM unnest($1::bytea[]) AS records (data)',
        values: [records],
      })
    const batcher = new AppBatcher(insertAll)
    return {
      kind: 'asynchronous',
      port: server.port,
      append: (record) => batcher.append(record),
      appendMany: insertAll,
      async close() {
        await pool.end()
        await server.stop()
      },
    }
  },
}

async function openPool({ directory }: DriverSetting, connections: number): Promise<{ server: Server; pool: Pool }> {
  const server = await startPostgresql(directory)
  const { Pool } = loadPeer<Pg>('pg')
  const pool = new Pool({
    host: '127.0.0.1',
    port: server.port,
    user: POSTGRESQL_USER,
    database: POSTGRESQL_DATABASE,
    max: connections,
    idleTimeoutMillis: 0,
  })
  await startedUp(() => pool.query('SELECT 1'))
  await pool.query('CREATE TABLE log (lsn bigserial PRIMARY KEY, data bytea NOT NULL)')
  return { server, pool }
}
