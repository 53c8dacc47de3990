import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { LOG_IS_CLOSED, LOG_IS_OPEN } from '../support/event-loop-signs.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

/** Lets the fixture do all that can be done with a log; returns what it says of it. */
async function exercise(t: ExecutionContext, directory: string, wrapper: readonly string[] = []) {
  const { lines, code, complaints } = await new FixtureProcess(t, 'event-loop', [directory], { wrapper }).end()
  t.is(code, 0, complaints)
  const { pid, lastLsn, read, events, calls } = JSON.parse(lines.at(-1) ?? '')
  t.is(lastLsn, 2300)
  t.is(read, 2300 - 9 + 2300)
  t.deepEqual(events, ['commit', 'durable', 'rotate'])
  return { pid, calls }
}

test('once a log is open, the main thread makes no synchronous call of fs', async (t) => {
  const { calls } = await exercise(t, temporaryDirectory(t))
  t.deepEqual(calls, [])
})

testWith(test, missingTool('strace', '-f', '-y', '-o', '/dev/null', 'true'))(
  'once a log is open, the main thread makes no system call on any file of it',
  async (t) => {
    const directory = temporaryDirectory(t)
    const trace = join(temporaryDirectory(t), 'trace')
    const wrapper = ['strace', '-f', '-y', '-e', 'trace=%file,%desc', '-o', trace]
    const { pid } = await exercise(t, join(directory, 'log'), wrapper)
    const lines = readFileSync(trace, 'latin1').split('\n')
    const [opened, closed] = [LOG_IS_OPEN, LOG_IS_CLOSED].map((sign) => lines.findIndex((line) => line.includes(sign)))
    const calls = lines.slice(opened, closed).filter((line) => line.includes(directory))
    // Each line begins with the number of the thread; the first thread's is that of the process.
    const byMainThread = calls.filter((line) => line.startsWith(`${pid} `))
    t.deepEqual(byMainThread, [])
    const names = new Set(calls.map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1]))
    for (const name of ['pwrite64', 'pread64', 'fdatasync', 'fsync', 'rename', 'unlink', 'openat']) {
      t.true(names.has(name), `${name} was called by other threads`)
    }
  },
)
