import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type CheckpointReport, openStateStore, type StateChange } from '../../src/state/index.js'
import { program, shell } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test.serial('sluice state sets, gets, lists, deletes, tells the history of a key, and makes checkpoints', async (t) => {
  const directory = join(temporaryDirectory(t), 'a store')
  const state = (...args: readonly string[]) => program(['state', directory, ...args])
  const writes = async (args: readonly string[], stdout: string, exit = 0) => {
    const result = await state(...args)
    t.deepEqual([result.exit, result.stdout.toString(), result.stderr], [exit, stdout, ''], args.join(' '))
  }
  await writes(['get', 'ada'], '', 3)
  await writes(['list'], '')
  await writes(['history', 'ada'], '')
  await writes(['delete', 'ada'], '', 3)
  await writes(['checkpoint'], 'nothing changed since the last one\n')
  await writes(['checkpoint', '--json'], 'null\n')
  t.false(existsSync(directory), 'reading makes nothing')
  await writes(['set', 'ada', '{"score":7}'], '')
  await writes(['set', '__proto__', '"x"'], '')
  await writes(['set', '--', 'b', '-1'], '')
  await writes(['get', 'ada'], '{"score":7}\n')
  await writes(['list'], '"__proto__"\n"ada"\n"b"\n')
  await writes(['list', '--prefix', 'a', '--json'], '{"key":"ada","value":{"score":7}}\n')
  await writes(['set', 'ada', '{"score":8}'], '')
  await writes(['delete', 'b'], '')
  await writes(['delete', 'b'], '', 3)
  await writes(['get', 'b'], '', 3)
  await writes(['get', '--json', 'b'], '', 3)
  await writes(['get', '--at', '1', 'ada'], '{"score":7}\n')
  await writes(['list', '--at', '3'], '"__proto__"\n"ada"\n"b"\n')
  await writes(['get', '--at', '1', '--json', 'ada'], '{"key":"ada","value":{"score":7}}\n')
  const { stdout } = await state('checkpoint', '--json')
  const report: CheckpointReport = JSON.parse(stdout.toString()) // Looked at below.
  t.deepEqual(Object.keys(report), ['lsn', 'file', 'entries', 'bytes', 'durationMs'])
  t.is(report.entries, 2)
  t.true(existsSync(join(directory, 'snapshots', report.file)))
  await writes(['checkpoint'], 'nothing changed since the last one\n')
  await writes(['checkpoint', '--json'], 'null\n')
  await writes(['get', 'ada'], '{"score":8}\n')
  await writes(['set', 'c', '1'], '')
  const line = (await state('checkpoint')).stdout.toString()
  t.regex(line, /^\d{16}-1\.snapshot: the state after LSN \d+, 3 keys, \d+ B, in [\d.]+ (ms|s)\n$/)
})

test.serial('sluice state has made a checkpoint also where tidying up behind it fails, and says so', async (t) => {
  const directory = join(temporaryDirectory(t), 'store')
  const store = await openStateStore<unknown>(directory)
  await store.set('ada', 7)
  await store.checkpoint()
  await store.set('ada', 8)
  await store.close()
  // Nobody can read this: it is a folder.
  mkdirSync(join(directory, 'snapshots', '0000000000000000-1.snapshot'))
  const { exit, stdout, stderr } = await program(['state', directory, 'checkpoint'])
  t.is(exit, 0)
  t.regex(stdout.toString(), /^\d{16}-1\.snapshot: the state after LSN/)
  t.regex(stderr, /^the checkpoint is made; tidying up behind it failed: .*0000000000000000-1\.snapshot.*\n$/)
})

test.serial('sluice state tells the history of a key to people, and to programs', async (t) => {
  const directory = join(temporaryDirectory(t), 'store')
  const store = await openStateStore<unknown>(directory)
  await store.set('ada', { score: 7 })
  await store.set('bob', 1)
  await store.set('ada', 'deleted')
  await store.delete('ada')
  await store.set('ada', 'a\u009b2J')
  await store.close()
  const history = async (...args: readonly string[]) => {
    const { exit, stdout, stderr } = await program(['state', directory, 'history', ...args])
    t.deepEqual([exit, stderr], [0, ''])
    return stdout.toString()
  }
  const lines = (await history('--json', 'ada')).trim().split('\n')
  const changes = lines.map((line): StateChange<unknown> => JSON.parse(line))
  t.deepEqual(
    changes.map(({ lsn, value }) => [lsn, value]),
    [
      [1, { score: 7 }],
      [3, 'deleted'],
      [4, undefined],
      [5, 'a\u009b2J'],
    ],
  )
  t.deepEqual(Object.keys(changes[2] ?? {}), ['lsn', 'timestamp'])
  const texts = ['{"score":7}', '"deleted"', 'deleted', '"a\\u009b2J"']
  const times = changes.map(({ timestamp }) => new Date(timestamp).toISOString())
  const expected = changes.map(({ lsn }, at) => `${lsn}  ${times[at]}  ${texts[at]}\n`)
  t.is(await history('ada'), expected.join(''))
  t.is(await history('nobody'), '')
  t.is(await history('--json', 'nobody'), '')
  const shown = (await program(['state', directory, 'get', 'ada'])).stdout.toString()
  t.is(shown, '"a\\u009b2J"\n', 'a terminal is sent no commands')
  t.is(JSON.parse(shown), 'a\u009b2J', 'and the value is the same')
})

test.serial('sluice state tells a key that is not there from a failure', async (t) => {
  const directory = join(temporaryDirectory(t), 'store')
  const store = await openStateStore<number>(directory)
  await store.set('a', 1)
  t.is((await program(['state', directory, 'delete', 'b'])).exit, 1, 'somebody has the store')
  await store.close()
  t.is((await program(['state', directory, 'get', '--at', '7', 'a'])).exit, 1, 'there is no such moment')
  t.is((await program(['state', directory, 'get', 'b'])).exit, 3)
  t.is((await program(['state', directory, 'delete', 'b'])).exit, 3)
  t.is((await program(['state', directory, 'get', '--colour', 'a'])).exit, 2)
})

test.serial(
  'sluice state reads beside a process that has the store, and says who it is where it would write',
  async (t) => {
    const directory = join(temporaryDirectory(t), 'store')
    const store = await openStateStore<number>(directory)
    await store.set('a', 1)
    // The mark, by which others know what is durable, is noted a moment after the acknowledgement.
    let got = await program(['state', directory, 'get', 'a'])
    while (got.exit !== 0) got = await program(['state', directory, 'get', 'a'])
    t.deepEqual([got.stdout.toString(), got.stderr], ['1\n', ''])
    const { exit, stderr } = await program(['state', directory, 'set', 'a', '2'])
    t.is(exit, 1)
    t.regex(stderr, /^sluice: SLUICE_LOCKED: /)
    await store.close()
  },
)

test.serial(
  'sluice state gives up no backup, and no part of the log, that the program it belongs to has kept',
  async (t) => {
    const directory = join(temporaryDirectory(t), 'store')
    const options = { compaction: false, backups: { keep: 8 } } as const
    const store = await openStateStore<number>(directory, options)
    for (let n = 1; n <= 6; n++) {
      await store.set('a', n)
      await store.checkpoint()
    }
    await store.close()
    const before = readdirSync(join(directory, 'snapshots')).sort()
    t.is(before.length, 6)
    // More than after which a store with its defaults makes a checkpoint by itself.
    for (const args of [['set', 'b', JSON.stringify('x'.repeat(100_000))], ['delete', 'b'], ['checkpoint']]) {
      for (let times = 0; times < 3; times++) await program(['state', directory, ...args])
    }
    const after = readdirSync(join(directory, 'snapshots')).sort()
    t.deepEqual(
      before.filter((name) => !after.includes(name)),
      [],
    )
    t.is((await program(['state', directory, 'get', '--at', '1', 'a'])).stdout.toString(), '1\n')
  },
)

test.serial('sluice state keeps the form of values that a program has migrated', async (t) => {
  const directory = join(temporaryDirectory(t), 'store')
  const old = await openStateStore<number>(directory)
  await old.set('a', 1)
  await old.close()
  const migrated = await openStateStore(directory, { schemaVersion: 2, migrations: { 2: (n) => ({ n }) } })
  await migrated.close()
  t.is((await program(['state', directory, 'set', 'b', '{"n":2}'])).exit, 0)
  const again = await openStateStore(directory, { schemaVersion: 2 })
  t.deepEqual([...again.entries()].sort(), [
    ['a', { n: 1 }],
    ['b', { n: 2 }],
  ])
  await again.close()
})

test.serial('sluice state refuses what makes no sense, and works in a pipe', async (t) => {
  const directory = join(temporaryDirectory(t), 'store')
  const refused: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [[], /DIR is missing/],
    [[directory], /what to do is missing/],
    [[directory, 'put'], /no action "put"/],
    [[directory, 'get'], /KEY is missing/],
    [[directory, 'set', 'a'], /JSON is missing/],
    [[directory, 'get', 'a', 'b'], /"b" behind get is too much/],
    [[directory, 'set', 'a', '{'], /no JSON/],
    [[directory, 'set', '--json', 'a', '1'], /set has no option --json/],
    [[directory, 'delete', '--json', 'a'], /delete has no option --json/],
    [[directory, 'history', '--at', '1', 'a'], /history has no option --at/],
    [[directory, 'checkpoint', '--prefix', 'a'], /checkpoint has no option --prefix/],
    [[directory, 'get', '--at', 'noon', 'a'], /"noon"/],
    [[directory, 'get', '--at', '0', 'a'], /--at must be an LSN/],
  ]
  for (const [args, message] of refused) {
    const { exit, stdout, stderr } = await program(['state', ...args])
    t.is(exit, 2, args.join(' '))
    t.is(stdout.length, 0)
    t.regex(stderr, message)
  }
  t.false(existsSync(directory))
  const store = await openStateStore<string>(directory)
  await Promise.all(Array.from({ length: 8000 }, (_, at) => store.set(`key ${at}`, 'x'.repeat(50))))
  await store.close()
  const { exit, stdout, stderr } = await shell(t, '"$0" "$1" state "$2" list --json | head -n 1', [directory])
  t.deepEqual([exit, stderr], [0, ''])
  t.is(stdout.toString().split('\n').length, 2)
  await shell(t, 'echo "[1, 2]" | "$0" "$1" state "$2" set "from a pipe" -', [directory])
  t.is((await program(['state', directory, 'get', 'from a pipe'])).stdout.toString(), '[1,2]\n')
})
