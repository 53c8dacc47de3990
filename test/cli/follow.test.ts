import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { SluiceCommand, shell, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { writtenLog } from '../support/written-log.js'

test.serial('follow writes what another process appends, across segments', async (t) => {
  const directory = temporaryDirectory(t)
  await sluice(t, ['append', directory], { input: 'zero\n' })
  const follow = new SluiceCommand(t, ['follow', directory])
  await follow.wrote('zero\n')
  const append = new SluiceCommand(t, ['append', '--segment-bytes', '16KiB', directory])
  append.child.stdin.write('one\n')
  // Each is seen while the other process still writes.
  await follow.wrote('one\n')
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${index}\n`)
  append.child.stdin.end(lines.join(''))
  await follow.wrote('line 2999\n')
  t.is((await append.result()).exit, 0)
  follow.child.kill('SIGINT')
  const { exit, stdout, stderr } = await follow.result()
  t.is(exit, 130)
  t.is(stderr, '')
  t.is(stdout.toString(), `zero\none\n${lines.join('')}`)
})

test.serial('follow --last 0 writes only what is new, --from waits for what is still to come', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  for (const word of ['one', 'two', 'three']) await log.append(word)
  const all = new SluiceCommand(t, ['follow', directory])
  const last = new SluiceCommand(t, ['follow', '--last', '1', directory])
  const from = new SluiceCommand(t, ['follow', '--from', '5', '--json', directory])
  await all.wrote('three\n')
  await last.wrote('three\n')
  await log.append('four')
  await log.append('five')
  for (const follow of [all, last]) await follow.wrote('five\n')
  await from.wrote('five')
  t.is(last.stdout, 'three\nfour\nfive\n')
  t.regex(from.stdout, /^{"lsn":5,"timestamp":\d+,"data":"five"}\n$/)
  for (const follow of [all, last, from]) {
    follow.child.kill('SIGTERM')
    const { exit, stderr } = await follow.result()
    t.is(exit, 143)
    t.is(stderr, '')
  }
})

test.serial('follow ends quietly when nobody reads any more', async (t) => {
  const { directory } = writtenLog(t, THREE_SEGMENTS)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  const command = new SluiceCommand(t, ['follow', directory])
  await command.wrote('ten\n')
  command.child.stdout.destroy()
  // It is noticed when something is written.
  await log.append('eleven')
  const { exit, stderr } = await command.result()
  t.is(exit, 0)
  t.is(stderr, '')
})

test.serial('follow in a pipeline ends with its reader', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  await log.append('zero')
  const script = `{ "$0" "$@"; echo "exit $?" >&2; } | { head -n 1; echo done; }`
  const done = shell(t, script, ['follow', directory])
  let ended = false
  done.finally(() => {
    ended = true
  })
  // Whoever reads is gone after the first line. What is written after it tells the follower.
  while (!ended) await log.append('more')
  const { stdout, stderr } = await done
  t.is(stdout.toString(), 'zero\ndone\n')
  t.is(stderr, 'exit 0\n')
})

test.serial('follow names what ends it', async (t) => {
  const { directory } = writtenLog(t, { ...THREE_SEGMENTS, mark: { firstLsn: 4 } })
  const { exit, stderr } = await sluice(t, ['follow', '--from', '2', directory])
  t.is(exit, 1)
  t.regex(stderr, /^sluice: SLUICE_TRIMMED: [^\n]*\n$/)
})
