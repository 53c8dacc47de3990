/**
 * `npm run test:power`: the log on real file systems, and what power cuts, full disks and failing disks do to it there.
 *
 *   npm run test:power -- [--rounds N] [--only PART] [--seed S]
 *
 * Needs Linux and root. It installs nothing, and says what it lacks. Everything happens in a mount namespace and a process
 * namespace of its own, which the kernel clears away whatever ends this program: processes, mounts, loop devices.
 *
 * Exits with 0 where nothing was lost, 1 where something was, or was not as promised, 2 where it can't run here or is asked
 * for what it doesn't know, 130 where it was interrupted.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PARTS } from './power/parts.js'
import { findProgram, type RunSettings } from './power/run.js'

const PREFIX = 'sluice-power-'
const EXIT_CANNOT_RUN = 2
const EXIT_INTERRUPTED = 130
const GRACE_MS = 10_000
const INSIDE = new URL('./power/inside.js', import.meta.url).pathname
const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
const TOOLS = {
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  losetup: 'mount',
  fallocate: 'util-linux',
  cp: 'coreutils',
}

const settings = settingsOf(process.argv.slice(2))
const lacks = missing()
if (lacks.length > 0) refuse(`test:power can't run here: ${lacks.join('; ')}`)
clearLeftovers()
runInside(settings)

function settingsOf(args: readonly string[]): RunSettings {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { rounds: { type: 'string' }, only: { type: 'string', multiple: true }, seed: { type: 'string' } },
    })
    const rounds = Number(values.rounds ?? 1)
    const seed = Number(values.seed ?? process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
    if (!(rounds > 0)) throw new Error(`--rounds must be a number above 0, not ${values.rounds}`)
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Error('--seed must be an integer below 2^32')
    const only = values.only ?? []
    const unknown = only.find((part) => !(part in PARTS))
    if (unknown !== undefined) throw new Error(`there is no part ${unknown}, but: ${Object.keys(PARTS).join(', ')}`)
    return { rounds, seed, only }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function missing(): string[] {
  if (process.platform !== 'linux') return ['it needs Linux: mount and process namespaces, loop devices']
  if (process.getuid?.() !== 0) return ['it needs root, for mounts and loop devices: sudo npm run test:power']
  const tools = Object.entries(TOOLS).filter(([name]) => findProgram(name) === undefined)
  if (tools.length > 0) return tools.map(([name, debian]) => `there is no ${name} (Debian: apt install ${debian})`)
  const { status, stderr } = spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'sluice-power', '/mnt'], {
    encoding: 'utf8',
  })
  return status === 0 ? [] : [`root may not mount here (a container without CAP_SYS_ADMIN?): ${stderr.trim()}`]
}

/** Removes what runs left that were killed: only folders with nothing in them, as their mounts and devices are gone by themselves. */
function clearLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : Number.NaN
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid))
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function runInside(asked: RunSettings): void {
  const folder = join(tmpdir(), `${PREFIX}${process.pid}`)
  mkdirSync(folder)
  console.log(`seed ${asked.seed}`)
  const args = [...NAMESPACES, process.execPath, INSIDE, folder, JSON.stringify(asked)]
  // In a group of its own: Ctrl-C is for this process, which then has the others clear away.
  const child = spawn('unshare', args, { stdio: ['pipe', 'inherit', 'inherit'], detached: true })
  let interrupted = false
  const interrupt = (): void => {
    interrupted = true
    child.stdin.end() // It unmounts everything, and ends.
    // If it doesn't: the first process of the namespace dies with unshare, and all others with that one.
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  process.on('uncaughtException', (error) => {
    console.error(error)
    interrupt()
  })
  child.on('close', (code) => {
    const left = loopDevicesOf(folder)
    rmSync(folder, { recursive: true, force: true })
    if (interrupted) console.error(`interrupted: ${left === '' ? 'nothing is left behind' : `left behind: ${left}`}`)
    process.exitCode = interrupted ? EXIT_INTERRUPTED : (code ?? 1)
    process.removeAllListeners()
  })
}

/** The loop devices that still lie on a file in this folder, as losetup tells of them. */
function loopDevicesOf(folder: string): string {
  const { stdout } = spawnSync('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'], {
    encoding: 'utf8',
  })
  const lines = stdout.split('\n').filter((line) => line.includes(`${folder}/`))
  return lines.map((line) => line.trim().replaceAll(/\s+/g, ' ')).join(', ')
}

function refuse(why: string): never {
  console.error(why)
  process.exit(EXIT_CANNOT_RUN)
}
