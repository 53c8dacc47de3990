import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, type Server, startServer } from '../servers/server.js'
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
/** The code of PostgreSQL's answer while it starts up. */
const CANNOT_CONNECT_NOW = '57P03'
const STARTING_MS_MAX = 20_000
const POLL_MS = 10
const OPTIONS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  shared_buffers: '256MB',
  // No checkpoint but the one that a full gigabyte asks for, and nothing in the background, while it is measured.
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
} as const

const SETTINGS = 'PostgreSQL on loopback, fsync and synchronous_commit on, no checkpoint meanwhile'
const COMMON = {
  role: 'server',
  promise: { text: 'P1', isP1: true },
  preparation: 'none',
  warmUpSeconds: 1,
  program: () => {
    const folder = programFolder()
    return folder === undefined ? undefined : join(folder, 'postgres')
  },
  whyMissing: () =>
    whyPackageMissing('pg') ??
    (programFolder() === undefined ? "PostgreSQL is not installed (Debian's package postgresql)" : undefined),
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
  const folder = programFolder()
  if (folder === undefined) throw new Error('PostgreSQL is not installed')
  const user = otherUser()
  if (user !== undefined) {
    // Folders that root made, and this user must pass.
    for (const passed of [directory, dirname(directory)]) chmodSync(passed, statSync(passed).mode | 0o111)
  }
  const server = await startServer(directory, {
    name: 'PostgreSQL',
    command: join(folder, 'postgres'),
    prepare: (dataDirectory) =>
      execFileSync(
        join(folder, 'initdb'),
        ['-D', dataDirectory, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
        { cwd: dataDirectory, stdio: ['ignore', 'ignore', 'inherit'], ...user },
      ),
    args: (dataDirectory, port) => [
      ...['-D', dataDirectory, '-p', String(port)],
      ...Object.entries(OPTIONS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    ...(user === undefined ? {} : { user }),
    stopSignal: 'SIGQUIT',
  })
  const { Pool } = loadPeer<Pg>('pg')
  const pool = new Pool({
    host: '127.0.0.1',
    port: server.port,
    user: 'bench',
    database: 'postgres',
    max: connections,
    idleTimeoutMillis: 0,
  })
  await startedUp(pool)
  await pool.query('CREATE TABLE log (lsn bigserial PRIMARY KEY, data bytea NOT NULL)')
  return { server, pool }
}

/** It listens before it takes connections: until then it refuses them, and says why. */
async function startedUp(pool: Pool): Promise<void> {
  const until = performance.now() + STARTING_MS_MAX
  for (;;) {
    try {
      await pool.query('SELECT 1')
      return
    } catch (error) {
      if ((error as { code?: unknown }).code !== CANNOT_CONNECT_NOW || performance.now() > until) throw error
      await delay(POLL_MS)
    }
  }
}

/** Debian keeps the programs of each version apart. */
function programFolder(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = statSync(debian, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(debian)
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin'))
  const initdb = findProgram('initdb', newestFirst)
  return initdb === undefined ? undefined : dirname(initdb)
}

/** PostgreSQL refuses to run as root; it then runs as the user that its package made. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}
