import { spawn } from 'node:child_process'
import { openSync, rmSync } from 'node:fs'
import type { ServerSpec } from './server-spec.js'

/*
 * Keeps one server, for as long as the process that asked for it lives: however that one ends, killed or not, the other
 * end of this process's stdin is then closed. It is in no terminal's group, so that Ctrl-C reaches it in this way only.
 */

const KILL_AFTER_MS = 5000

const [, , json] = process.argv
if (json === undefined) throw new Error('usage: keeper.js SPEC, where SPEC is a ServerSpec as JSON')
// Made by startServer.
const spec = JSON.parse(json) as ServerSpec

const log = openSync(spec.logFile, 'a')
const server = spawn(spec.command, spec.args, {
  cwd: spec.directory,
  stdio: ['ignore', log, log],
  // A group of its own, which can be killed as a whole.
  detached: true,
  ...spec.user,
})
server.once('error', (error) => {
  console.error(`${spec.command} could not be started: ${error.message}`)
  process.exitCode = 1
  end()
})
server.once('exit', () => {
  signalGroup('SIGKILL')
  end()
})
process.stdin.once('end', stop).once('error', stop).resume()

function stop(): void {
  signalGroup(spec.stopSignal)
  setTimeout(() => signalGroup('SIGKILL'), KILL_AFTER_MS).unref()
}

function end(): void {
  rmSync(spec.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  // Whoever waits for this process knows that the server is gone.
  process.exit()
}

function signalGroup(signal: NodeJS.Signals): void {
  if (server.pid === undefined) return
  try {
    process.kill(-server.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
