import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { collect } from '../support/records.js'
import { SluiceCommand, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Signal = 'SIGINT' | 'SIGTERM'

/** A command that says on standard error when all who listen for this signal have heard it, and then runs `more`. */
function telling(t: ExecutionContext, signal: Signal, args: readonly string[], more = ''): SluiceCommand {
  const preload = `
    import { writeSync } from 'node:fs'
    process.once('${signal}', () => setImmediate(() => { writeSync(2, 'heard'); ${more} }))`
  return new SluiceCommand(t, args, ['--import', `data:text/javascript,${encodeURIComponent(preload)}`])
}

test.serial('a signal that comes while append opens its log ends it before it reads anything', async (t) => {
  const directory = temporaryDirectory(t)
  // The other signal's listener is there by then.
  const preload = `
    process.on('newListener', (name) => { if (name === 'SIGTERM') process.kill(process.pid, 'SIGINT') })`
  const nodeArguments = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
  const { exit, stderr } = await sluice(t, ['append', directory], { input: 'one\n', nodeArguments })
  t.is(exit, 130)
  t.is(stderr, 'ended by SIGINT: 0 records durable\n')
  const log = await openLog(directory)
  t.is(log.durableLsn, 0)
  await log.close()
})

/** Sends one signal after the other. It is the second one that ends the command, which else would say what it did. */
async function endsByBoth(
  t: ExecutionContext,
  command: SluiceCommand,
  [first, second]: readonly [Signal, Signal],
  letGo = (): void => {},
): Promise<void> {
  const heard = once(command.child.stderr, 'data')
  command.child.kill(first)
  await heard
  command.child.kill(second)
  letGo()
  const { exit, stderr } = await command.result()
  t.is(exit, second, 'it did not come to an end of its own')
  t.is(stderr, 'heard')
}

/** What keeps a command from its end for so long that only a second signal can have ended it sooner. */
const STUCK = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000)'

for (const signals of [
  ['SIGINT', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
] as const) {
  test.serial(
    `${signals[1]} after ${signals[0]} ends append at once: the lock is free, what was durable there`,
    async (t) => {
      const directory = temporaryDirectory(t)
      // The log has to be there before it can be followed.
      const begun = await openLog(directory)
      await begun.append('zero')
      await begun.close()
      const reader = await openLogReader(directory)
      t.teardown(() => reader.close())
      const append = telling(t, signals[0], ['append', directory], STUCK)
      append.child.stdin.write('one\ntw')
      for await (const { lsn } of reader.follow()) if (lsn === 2) break
      await endsByBoth(t, append, signals)
      const log = await openLog(directory)
      t.teardown(() => log.close())
      const { records } = await collect(log.read())
      t.deepEqual(
        records.map(({ data }) => data.toString()),
        ['zero', 'one'],
      )
      t.is(await log.append('two'), 3)
    },
  )
}

for (const signals of [
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGTERM'],
] as const) {
  test.serial(
    `${signals[1]} after ${signals[0]} ends follow at once, though nobody takes what it writes`,
    async (t) => {
      const directory = temporaryDirectory(t)
      const log = await openLog(directory)
      t.teardown(() => log.close())
      // Far more than a pipe holds.
      await log.append('x'.repeat(2_000_000))
      const follow = telling(t, signals[0], ['follow', directory])
      const { stdout } = follow.child
      stdout.once('data', () => stdout.pause())
      await once(stdout, 'pause')
      await endsByBoth(t, follow, signals, () => stdout.resume())
      t.true(follow.stdout.length < 2_000_000)
    },
  )
}
