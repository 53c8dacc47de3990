import test, { type ExecutionContext } from 'ava'
import type { Log } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess, within } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

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
