import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { program, SluiceCommand, shell, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'
import { writtenLog } from '../support/written-log.js'

const WORDS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']

const writes = test.macro({
  async exec(t: ExecutionContext, args: readonly string[], records: readonly string[]) {
    const { directory } = writtenLog(t, THREE_SEGMENTS)
    const { exit, stdout, stderr } = await program(['cat', ...args, directory])
    t.is(stderr, '')
    t.is(exit, 0)
    t.is(stdout.toString(), records.map((record) => `${record}\n`).join(''))
  },
  title: (title) => `cat ${title}`,
})

test.serial('writes all records', writes, [], WORDS)
test.serial('begins with --from', writes, ['--from', '4'], WORDS.slice(3))
test.serial('ends with --to', writes, ['--to', '4'], WORDS.slice(0, 4))
test.serial('writes a single record', writes, ['--from', '4', '--to', '4'], ['four'])
test.serial('ends with the log where --to lies behind it', writes, ['--from', '9', '--to', '1000'], ['nine', 'ten'])
test.serial('writes nothing where --from lies behind the log', writes, ['--from', '11'], [])
test.serial('writes the --last records', writes, ['--last', '2'], ['nine', 'ten'])
test.serial('writes all records where --last asks for more', writes, ['--last', '11'], WORDS)
test.serial('writes nothing for --last 0', writes, ['--last', '0'], [])

test.serial('what append takes, cat gives back byte for byte', async (t) => {
  const directory = temporaryDirectory(t)
  // Every byte is in every place of a line sooner or later, long lines and empty ones too.
  const bytes = Buffer.alloc(3_000_000)
  for (let at = 0, state = 1; at < bytes.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = at % 700_000 < 300_000 ? 65 + (state >>> 28) : state >>> 24
  }
  bytes[bytes.length - 1] = 10
  t.is((await sluice(t, ['append', '--segment-bytes', '1MiB', directory], { input: bytes })).exit, 0)
  const { exit, stdout } = await sluice(t, ['cat', directory])
  t.is(exit, 0)
  t.true(stdout.equals(bytes))
})

test.serial('cat --json writes well-formed UTF-8 as data, and anything else as base64', async (t) => {
  const directory = temporaryDirectory(t)
  const records = [
    'plain',
    '',
    '"quoted" \\ \t \u0000 \u2028 \ufeff é 🌊',
    Buffer.from([0xff, 0xfe]),
    Buffer.from('é').subarray(0, 1),
  ]
  const log = await openLog(directory)
  const before = Date.now()
  for (const record of records) await log.append(record)
  const after = Date.now()
  await log.close()
  const { exit, stdout } = await program(['cat', '--json', directory])
  t.is(exit, 0)
  const lines = stdout.toString().split('\n')
  t.is(lines.pop(), '')
  const objects = lines.map((line) => JSON.parse(line))
  t.deepEqual(
    objects.map(({ timestamp, ...rest }) => rest),
    [
      { lsn: 1, data: 'plain' },
      { lsn: 2, data: '' },
      { lsn: 3, data: records[2] },
      { lsn: 4, base64: '//4=' },
      { lsn: 5, base64: 'ww==' },
    ],
  )
  for (const { timestamp } of objects) t.true(timestamp >= before && timestamp <= after)
})

test.serial('cat ends quietly when nobody reads any more', async (t) => {
  const directory = temporaryDirectory(t)
  const input = Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join('')
  await program(['append', directory], { input })
  for (const option of ['--json', '--last=50000']) {
    const script = `{ "$0" "$@"; echo "exit $?" >&2; } | head -n 1 | wc -l`
    const { stdout, stderr } = await shell(t, script, ['cat', option, directory])
    t.is(stdout.toString().trim(), '1')
    t.is(stderr, 'exit 0\n')
  }
})

const missingFull = existsSync('/dev/full') ? undefined : 'there is no /dev/full'

testWith(test, missingFull)('cat says that it can’t write', async (t) => {
  const { directory } = writtenLog(t, THREE_SEGMENTS)
  const { exit, stderr } = await shell(t, `exec "$0" "$@" > /dev/full`, ['cat', directory])
  t.is(exit, 1)
  t.regex(stderr, /^sluice: ENOSPC: [^\n]*\n$/)
})

test.serial('cat reads beside the writer', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  await log.append('one')
  const { exit, stdout } = await sluice(t, ['cat', directory])
  t.is(exit, 0)
  t.is(stdout.toString(), 'one\n')
})

test.serial('cat changes nothing, and makes no lock file', async (t) => {
  const { directory, built } = writtenLog(t, THREE_SEGMENTS)
  t.is((await program(['cat', directory])).exit, 0)
  const names = readdirSync(directory)
  t.deepEqual(names.sort(), [...built.files.keys()].sort())
  for (const name of names) t.deepEqual(readFileSync(join(directory, name)), built.files.get(name), name)
})

test.serial('cat writes what comes before damage, and then names it', async (t) => {
  const { directory, built } = writtenLog(t, THREE_SEGMENTS, (log) => {
    const segment = segmentOf(log, 1)
    flip(segment.bytes, frameOf(segment, 1).offset + 60)
  })
  const segment = segmentOf(built, 1)
  const { exit, stdout, stderr } = await program(['cat', directory])
  t.is(exit, 1)
  t.is(stdout.toString(), 'one\ntwo\nthree\nfour\nfive\n')
  t.regex(
    stderr,
    new RegExp(`^sluice: SLUICE_CORRUPT: [^\\n]*${segment.name}[^\\n]*${frameOf(segment, 1).offset}[^\\n]*\\n$`),
  )
})

test.serial('cat says what was trimmed', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory, { segmentBytes: 16 * 1024 })
  for (let count = 0; count < 10; count++) await log.append(Buffer.alloc(10_000))
  await log.trim(5)
  const { firstLsn } = log
  await log.close()
  const { exit, stderr } = await program(['cat', '--from', '1', directory])
  t.is(exit, 1)
  t.regex(stderr, /^sluice: SLUICE_TRIMMED: [^\n]*\n$/)
  const { stdout } = await program(['cat', '--json', directory])
  t.is(JSON.parse(stdout.toString().split('\n')[0] ?? '').lsn, firstLsn)
})

for (const command of ['cat', 'follow']) {
  test.serial(`${command} says that there is no log`, async (t) => {
    const directory = temporaryDirectory(t)
    const { exit, stderr } = await program([command, directory])
    t.is(exit, 1)
    t.is(stderr, `sluice: SLUICE_INVALID_ARGUMENT: there is no log in ${directory}\n`)
    const missing = await program([command, join(directory, 'missing')])
    t.is(missing.exit, 1)
    t.regex(missing.stderr, /^sluice: SLUICE_INVALID_ARGUMENT: \S+ is not a folder\n$/)
    t.deepEqual(readdirSync(directory), [])
  })
}

test.serial('follow writes what another process appends, across segments', async (t) => {
  const directory = temporaryDirectory(t)
  await program(['append', directory], { input: 'zero\n' })
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
