import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ServerSpec } from './server-spec.js'

const KEEPER = fileURLToPath(new URL('./keeper.js', import.meta.url))
const START_MS_MAX = 20_000
const POLL_MS = 10
/** Where Debian puts servers, which is in nobody's PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin']

/** A server of its own data, on a port of its own. */
export interface Server {
  readonly port: number
  /** Ends the server, and removes its data. */
  stop(): Promise<void>
}

/** What a server needs to be started with, once its folder and its port are known. */
export interface ServerPlan {
  readonly name: string
  readonly command: string
  args(dataDirectory: string, port: number): readonly string[]
  /** Prepares its folder. */
  prepare?(dataDirectory: string, port: number): void
  readonly user?: ServerSpec['user']
  readonly stopSignal: ServerSpec['stopSignal']
}

/** Finds a program; `undefined` where it isn't installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter)
  return [...folders, ...path, ...MORE_FOLDERS]
    .map((folder) => join(folder, name))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
}

/** What a program answers when it is asked for its version. */
export function versionOf(program: string): string {
  return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/** Starts a server below an empty folder, and waits until it listens on a port of the loopback interface. */
export async function startServer(directory: string, plan: ServerPlan): Promise<Server> {
  const dataDirectory = join(directory, 'data')
  const logFile = join(directory, 'server.log')
  const port = await freePort()
  mkdirSync(dataDirectory, { mode: 0o700 })
  if (plan.user !== undefined) chownSync(dataDirectory, plan.user.uid, plan.user.gid)
  plan.prepare?.(dataDirectory, port)
  const spec: ServerSpec = {
    command: plan.command,
    args: plan.args(dataDirectory, port),
    directory: dataDirectory,
    logFile,
    user: plan.user,
    stopSignal: plan.stopSignal,
  }
  const keeper = spawn(process.execPath, [KEEPER, JSON.stringify(spec)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  })
  const ended = once(keeper, 'exit')
  try {
    await listening(port, keeper)
  } catch (error) {
    keeper.stdin.end()
    if (keeper.exitCode === null) await ended
    throw new Error(`${plan.name} did not start: ${tailOf(logFile)}`, { cause: error })
  }
  return {
    port,
    async stop() {
      keeper.stdin.end()
      await ended
    },
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a listening server has no port')
  return address.port
}

async function listening(port: number, keeper: ChildProcess): Promise<void> {
  const until = performance.now() + START_MS_MAX
  while (!(await answers(port))) {
    if (keeper.exitCode !== null) throw new Error('it ended')
    if (performance.now() > until) throw new Error(`it does not listen after ${START_MS_MAX / 1000} s`)
    await delay(POLL_MS)
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-2000).trim()
  } catch {
    return 'it wrote no log'
  }
}
