import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess, within } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingRoot, missingTool, testWith } from '../support/tools.js'

/** A process that has the log open. */
async function holderOf(t: ExecutionContext, directory: string): Promise<FixtureProcess> {
  const holder = new FixtureProcess(t, 'holder', [directory])
  t.is(await holder.line(), 'open')
  return holder
}

async function isLocked(t: ExecutionContext, directory: string): Promise<string> {
  const error = await t.throwsAsync(openLog(directory), { instanceOf: SluiceError, code: 'SLUICE_LOCKED' })
  return error?.message ?? ''
}

test('a log that another process has open is refused, and the message says which process on which host', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = await holderOf(t, directory)
  const message = await isLocked(t, directory)
  t.true(
    message.startsWith(`${directory} is locked by process ${holder.pid} on host "${hostname()}" since "20`),
    message,
  )
  const third = new FixtureProcess(t, 'holder', [directory])
  const line = await third.line()
  t.true(line.startsWith(`SLUICE_LOCKED ${directory} is locked by process ${holder.pid} on host`), line)
  t.is((await third.end()).code, 0)
  // The holder has not noticed.
  holder.tell('x')
  t.is(await holder.line(), 'acked 1')
  holder.tell('close')
  t.is(await holder.line(), 'closed')
  // It goes on, without the log.
  const log = await openLog(directory)
  t.is(await log.append('y'), 2)
  await log.close()
})

test('a log that this process has open is refused, whatever the path', async (t) => {
  const root = temporaryDirectory(t)
  const directory = join(root, 'log')
  const log = await openLog(directory)
  symlinkSync(directory, join(root, 'link'))
  const paths = [
    directory,
    `${directory}/`,
    join(root, 'link'),
    relative(process.cwd(), directory),
    `${root}/./x/../log`,
  ]
  for (const path of paths) {
    t.regex(await isLocked(t, path), new RegExp(`is locked by this process \\(process ${process.pid} on host`))
  }
  t.is(await log.append('x'), 1)
  await log.close()
  const again = await openLog(join(root, 'link'))
  t.is(again.durableLsn, 1)
  await again.close()
})

test('of many openings at once exactly one succeeds', async (t) => {
  const directory = temporaryDirectory(t)
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => openLog(directory)))
  const [log, ...others] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  t.deepEqual(others, [])
  const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
  t.deepEqual(codes, Array(5).fill('SLUICE_LOCKED'))
  await log?.close()
})

test('a holder that is stopped, not ended, keeps its lock; one that is killed leaves none behind', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = await holderOf(t, directory)
  process.kill(holder.pid, 'SIGSTOP')
  t.regex(await isLocked(t, directory), new RegExp(`by process ${holder.pid} `))
  process.kill(holder.pid, 'SIGCONT')
  holder.tell('x')
  t.is(await holder.line(), 'acked 1')
  await isLocked(t, directory)
  await holder.kill()
  const lockFile = join(directory, 'lock')
  const leftBehind = JSON.parse(readFileSync(lockFile, 'utf8'))
  t.is(leftBehind.pid, holder.pid)
  // It keeps nobody out, even where it names a process that is running.
  writeFileSync(lockFile, JSON.stringify({ ...leftBehind, pid: process.pid }))
  const log = await openLog(directory)
  t.like(log.recovery, { lastLsn: 1, cleanShutdown: false })
  t.is(await log.append('y'), 2)
  await log.close()
})

test('an opening that fails leaves no lock behind, and the next one fails for the same reason', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, '0000000000000001.seg'), 'no segment')
  for (let time = 0; time < 3; time++) {
    await t.throwsAsync(openLog(directory), { instanceOf: SluiceError, code: 'SLUICE_CORRUPT' })
  }
  mkdirSync(join(directory, 'other'))
  const log = await openLog(join(directory, 'other'))
  await log.close()
})

testWith(test, missingTool('strace', '-f', '-y', '-o', '/dev/null', 'true'))(
  'the lock is given back only after the last call on any other file of the log',
  async (t) => {
    const directory = join(temporaryDirectory(t), 'log')
    const trace = join(temporaryDirectory(t), 'trace')
    const wrapper = ['strace', '-f', '-y', '-e', 'trace=%file,%desc', '-o', trace]
    const { lines, code } = await new FixtureProcess(t, 'lifetime', ['pending close', directory], { wrapper }).end()
    t.deepEqual({ lines, code }, { lines: ['open', 'durable 1', 'closed', 'exit'], code: 0 })
    const calls = readFileSync(trace, 'latin1').split('\n')
    const callsOn = (what: RegExp) => calls.flatMap((call, index) => (what.test(call) ? [index] : []))
    const ofLog = callsOn(/log\/(mark|\d+\.seg|prepared)/)
    // The holder's name is taken out of the file, and then the file is closed.
    const [first, second] = callsOn(/ (ftruncate|close)\(\d+<\S+log\/lock>/).slice(-2)
    t.true(ofLog.length > 10)
    t.regex(calls[first ?? 0] ?? '', /ftruncate/)
    t.regex(calls[second ?? 0] ?? '', /close/)
    t.true((ofLog.at(-1) ?? 0) < (first ?? 0), calls.slice(first).join('\n'))
  },
)

test('a log can be opened in a worker thread; when that is terminated, nothing acknowledged is lost, nor the lock', async (t) => {
  const directory = temporaryDirectory(t)
  let acked = 0
  for (let time = 0; time < 2; time++) {
    const owner = new Worker(new URL('../fixtures/owner-thread.js', import.meta.url), { workerData: directory })
    t.teardown(() => owner.terminate())
    owner.on('message', (lsn) => {
      acked = lsn
    })
    await once(owner, 'message')
    await t.throwsAsync(openLog(directory), { code: 'SLUICE_LOCKED', message: /by this process/ })
    await owner.terminate()
    const log = await openLog(directory)
    t.true(log.durableLsn >= acked)
    for await (const { lsn, data } of log.read()) if (!/^round \d+$/.test(`${data}`)) t.fail(`LSN ${lsn} is ${data}`)
    await log.close()
  }
})

const OWN_PIDS = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const
const NEXT_PID = '/proc/sys/kernel/ns_last_pid'

testWith(test, missingRoot() ?? missingTool(...OWN_PIDS, 'test', '-w', NEXT_PID))(
  'a holder that was killed, and whose pid another process was given, holds nothing, and is not named as the holder',
  async (t) => {
    const child = new FixtureProcess(t, 'reused-pid', [temporaryDirectory(t)], { wrapper: OWN_PIDS })
    const { lines, code, complaints } = await child.end()
    t.deepEqual({ code, complaints }, { code: 0, complaints: '' })
    const [reused, acked, refusal = ''] = lines
    t.is(reused, 'the lock file names a pid that was given out again: true')
    t.is(acked, 'acked 1')
    t.regex(refusal, /^it is locked by a process that is not known: the lock file names process P on host /)
    t.regex(refusal, /, but that process is not running any more$/)
    t.is(lines.length, 3)
  },
)

// Node's forks are new processes: they inherit the pipes that they are given, and no other descriptor.

interface Family {
  readonly directory: string
  readonly holder: FixtureProcess
  readonly childPid: number
}

/** A process that holds a log, and one that it started, which was refused. */
async function familyOf(t: ExecutionContext, how: 'fork' | 'cluster'): Promise<Family> {
  const directory = temporaryDirectory(t)
  const holder = new FixtureProcess(t, 'forking-holder', [how, directory])
  t.is(await holder.line(), 'acked 1')
  const refusal = await holder.line()
  const [, pid = '', message = ''] = /^child (\d+) (.*)$/.exec(refusal) ?? []
  const childPid = Number(pid)
  t.teardown(() => isRunning(childPid) && process.kill(childPid, 'SIGKILL'))
  t.true(message.startsWith(`${directory} is locked by process ${holder.pid} on host`), refusal)
  t.not(childPid, holder.pid)
  return { directory, holder, childPid }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function gone(pid: number): Promise<void> {
  const waiting = (async () => {
    while (isRunning(pid)) await new Promise(setImmediate)
  })()
  await within(`end of process ${pid}`, () => 'it is running', waiting)
}

async function texts(log: Log): Promise<string[]> {
  const found: string[] = []
  for await (const { data } of log.read()) found.push(data.toString())
  return found
}

for (const how of ['fork', 'cluster'] as const) {
  test.serial(`a process that the holder of a log starts is no holder, and can be the next one: ${how}`, async (t) => {
    const { directory, holder, childPid } = await familyOf(t, how)
    holder.tell('append')
    t.is(await holder.line(), 'acked 2')
    holder.tell('hand over')
    t.is(await holder.line(), 'child acked 3')
    const refusal = await t.throwsAsync(openLog(directory), { code: 'SLUICE_LOCKED' })
    t.true(refusal?.message.startsWith(`${directory} is locked by process ${childPid} on host`), refusal?.message)
    holder.tell('end')
    await holder.until('child closed')
    await holder.kill()
    const log = await openLog(directory)
    t.deepEqual(await texts(log), ['of the holder', 'of the holder', 'of the child'])
    t.true(log.recovery.cleanShutdown)
    await log.close()
  })
}

test.serial('a holder that is killed leaves no lock with a process that it forked, and that lives on', async (t) => {
  const { directory, holder, childPid } = await familyOf(t, 'fork')
  const ending = holder.kill()
  t.is(await holder.line(), 'orphaned')
  await gone(holder.pid)
  const log = await openLog(directory)
  t.true(isRunning(childPid))
  t.deepEqual(await texts(log), ['of the holder'])
  await log.close()
  process.kill(childPid, 'SIGKILL')
  t.is((await ending).signal, 'SIGKILL')
})
