import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, type Server, startServer } from './server.js'

export const POSTGRESQL_USER = 'bench'
export const POSTGRESQL_DATABASE = 'postgres'

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

/** The server's program; `undefined` where it isn't installed. */
export function postgresqlProgram(): string | undefined {
  const folder = programFolder()
  return folder === undefined ? undefined : join(folder, 'postgres')
}

/** Starts a server below an empty folder, durable as in production; it may not take connections yet. */
export async function startPostgresql(directory: string): Promise<Server> {
  const folder = programFolder()
  if (folder === undefined) throw new Error('PostgreSQL is not installed')
  const user = otherUser()
  if (user !== undefined) {
    // Folders that root made, and this user must pass.
    for (const passed of [directory, dirname(directory)]) chmodSync(passed, statSync(passed).mode | 0o111)
  }
  return await startServer(directory, {
    name: 'PostgreSQL',
    command: join(folder, 'postgres'),
    prepare: (dataDirectory) =>
      execFileSync(
        join(folder, 'initdb'),
        ['-D', dataDirectory, '-U', POSTGRESQL_USER, '-A', 'trust', '-E', 'UTF8', '--locale=C'],
        { cwd: dataDirectory, stdio: ['ignore', 'ignore', 'inherit'], ...user },
      ),
    args: (dataDirectory, port) => [
      ...['-D', dataDirectory, '-p', String(port)],
      ...Object.entries(OPTIONS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    ...(user === undefined ? {} : { user }),
    stopSignal: 'SIGQUIT',
  })
}

/** Asks until it is answered: it listens before it takes connections, until then it refuses them, and says why. */
export async function startedUp(ask: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + STARTING_MS_MAX
  for (;;) {
    try {
      await ask()
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
