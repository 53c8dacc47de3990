import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

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

test('a holder that is stopped, not ended, keeps its lock', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = await holderOf(t, directory)
  process.kill(holder.pid, 'SIGSTOP')
  t.regex(await isLocked(t, directory), new RegExp(`by process ${holder.pid} `))
  process.kill(holder.pid, 'SIGCONT')
  holder.tell('x')
  t.is(await holder.line(), 'acked 1')
})

test('a holder that is killed leaves no lock behind', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = await holderOf(t, directory)
  holder.tell('x')
  t.is(await holder.line(), 'acked 1')
  await isLocked(t, directory)
  await holder.kill()
  const log = await openLog(directory)
  t.like(log.recovery, { lastLsn: 1, cleanShutdown: false })
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
