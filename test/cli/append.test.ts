import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { LAST_SEGMENT_UNMARKED } from '../support/log-plans.js'
import { flip, segmentOf } from '../support/memory-log.js'
import { collect } from '../support/records.js'
import { program, SluiceCommand, shell, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { writtenLog } from '../support/written-log.js'

/** The records of a log, as text of one byte a character. */
async function recordsIn(directory: string): Promise<string[]> {
  const reader = await openLogReader(directory)
  const { records, error } = await collect(reader.read())
  await reader.close()
  if (error !== undefined) throw error
  return records.map((record) => record.data.toString('latin1'))
}

const appends = test.macro({
  async exec(t: ExecutionContext, input: string, ...records: string[]) {
    const directory = temporaryDirectory(t)
    const { exit, stdout, stderr } = await program(['append', directory], { input: Buffer.from(input, 'latin1') })
    t.is(exit, 0, stderr)
    t.is(stdout.length, 0)
    const count = `${records.length} record${records.length === 1 ? '' : 's'} durable`
    t.regex(
      stderr,
      records.length === 0 ? /^0 records durable\n$/ : new RegExp(`^${count}, LSN 1 to ${records.length} \\(.*\\)\\n$`),
    )
    t.deepEqual(await recordsIn(directory), records)
  },
  title: (title) => `append takes ${title}`,
})

test.serial('lines', appends, 'one\ntwo\n', 'one', 'two')
test.serial('a last line without a newline', appends, 'one\ntwo', 'one', 'two')
test.serial('empty lines', appends, '\n\none\n\n', '', '', 'one', '')
test.serial('a newline alone', appends, '\n', '')
test.serial('nothing at all', appends, '')
test.serial('carriage returns as a part of the line', appends, 'one\r\ntwo\r\n\r\n', 'one\r', 'two\r', '\r')
test.serial(
  'bytes that are no text',
  appends,
  '\xff\xfe\x00\n\xc3\x28\n\x00\n\xf0\x9f',
  '\xff\xfe\x00',
  '\xc3\x28',
  '\x00',
  '\xf0\x9f',
)

test.serial('append goes on where the log ends', async (t) => {
  const directory = temporaryDirectory(t)
  await program(['append', directory], { input: 'one\ntwo\n' })
  const { exit, stderr } = await sluice(t, ['append', directory], { input: 'three\nfour\nfive\n' })
  t.is(exit, 0)
  t.regex(stderr, /^3 records durable, LSN 3 to 5 /)
  t.deepEqual(await recordsIn(directory), ['one', 'two', 'three', 'four', 'five'])
})

test.serial('append reads a file, and makes the folders that are missing', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'input')
  const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index}`)
  writeFileSync(file, lines.join('\n'))
  const log = join(directory, 'a', 'log')
  const { stderr } = await shell(t, `exec "$0" "$1" append "$2" < "$3"`, [log, file])
  t.regex(stderr, /^30000 records durable, LSN 1 to 30000 /)
  t.is((await recordsIn(log)).join('\n'), lines.join('\n'))
})

test.serial('append --quiet says nothing', async (t) => {
  const directory = temporaryDirectory(t)
  for (const option of ['--quiet', '-q']) {
    const { exit, stderr } = await program(['append', option, directory], { input: 'one\n' })
    t.is(exit, 0)
    t.is(stderr, '')
  }
  t.deepEqual(await recordsIn(directory), ['one', 'one'])
})

test.serial('append --segment-bytes sets the size of the files', async (t) => {
  const directory = temporaryDirectory(t)
  const lines = Array.from({ length: 1000 }, (_, index) => `${index}`.padStart(100, '.'))
  const { exit } = await program(['append', '--segment-bytes', '16KiB', directory], { input: lines.join('\n') })
  t.is(exit, 0)
  t.true(readdirSync(directory).filter((name) => name.endsWith('.seg')).length > 1)
  t.deepEqual(await recordsIn(directory), lines)
})

for (const policy of ['batch', 'never', '50ms']) {
  test.serial(`append --flush ${policy} ends when everything is durable`, async (t) => {
    const directory = temporaryDirectory(t)
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`)
    const args = ['append', '--flush', policy, directory]
    const input = lines.join('\n')
    // That the process, too, ends by itself is shown where nothing but its end makes anything durable.
    const { exit, stderr } = await (policy === 'never' ? sluice(t, args, { input }) : program(args, { input }))
    t.is(exit, 0)
    t.regex(stderr, /^5000 records durable, LSN 1 to 5000 /)
    // A reader goes by the mark, which is noted after the sync.
    t.deepEqual(await recordsIn(directory), lines)
  })
}

test.serial('60,000 lines are appended without holding them all', async (t) => {
  const directory = temporaryDirectory(t)
  const line = Buffer.alloc(3000, 'x')
  line[line.length - 1] = 10
  const chunk = Buffer.concat(Array.from({ length: 100 }, () => line))
  function* chunks(): Iterable<Uint8Array> {
    for (let count = 0; count < 600; count++) yield chunk
  }
  const measure = `process.on('exit', () => console.error('kilobytes: ' + process.resourceUsage().maxRSS))`
  const nodeArguments = ['--import', `data:text/javascript,${encodeURIComponent(measure)}`]
  const { exit, stderr } = await sluice(t, ['append', directory], { input: chunks(), nodeArguments })
  t.is(exit, 0)
  t.regex(stderr, /^60000 records durable, LSN 1 to 60000 /)
  const kilobytes = Number(/kilobytes: (\d+)/.exec(stderr)?.[1])
  t.true(kilobytes < 210_000, `it took ${kilobytes} kB for an input of 180,000 kB`)
})

test.serial('a line that is too long is refused by its number; those before it are durable', async (t) => {
  const directory = temporaryDirectory(t)
  const input = Buffer.concat([
    Buffer.from('one\ntwo\n'),
    Buffer.alloc(16 * 1024 * 1024 + 1, 'x'),
    Buffer.from('\nfour\n'),
  ])
  // A process: it must end, though there is more to read.
  const { exit, stderr } = await sluice(t, ['append', directory], { input })
  t.is(exit, 1)
  t.regex(
    stderr,
    /^stopped: 2 records durable, LSN 1 to 2\nsluice: SLUICE_RECORD_TOO_LARGE: line 3 .*16777216 bytes\n$/,
  )
  t.deepEqual(await recordsIn(directory), ['one', 'two'])
})

test.serial('a line as long as a record may be is taken', async (t) => {
  const directory = temporaryDirectory(t)
  const line = Buffer.alloc(16 * 1024 * 1024, 'x')
  const { exit, stderr } = await program(['append', directory], {
    input: Buffer.concat([line, Buffer.from('\nend\n')]),
  })
  t.is(exit, 0, stderr)
  const [first, second] = await recordsIn(directory)
  t.is(first?.length, line.length)
  t.is(second, 'end')
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test.serial(`${signal} ends append: what was read is durable, half a line is not taken`, async (t) => {
    const directory = temporaryDirectory(t)
    // The log has to be there before it can be followed.
    await program(['append', directory], { input: 'zero\n' })
    const reader = await openLogReader(directory)
    t.teardown(() => reader.close())
    const command = new SluiceCommand(t, ['append', directory])
    command.child.stdin.write('one\ntwo\nthr')
    for await (const { lsn } of reader.follow()) if (lsn === 3) break
    command.child.kill(signal)
    const { exit, stderr } = await command.result()
    t.is(exit, code)
    t.is(stderr, `ended by ${signal}: 2 records durable, LSN 2 to 3\n`)
    t.deepEqual(await recordsIn(directory), ['zero', 'one', 'two'])
    // Nothing holds the lock any more.
    await (await openLog(directory)).close()
  })
}

test.serial('append refuses a log that another process is writing', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  const { exit, stderr } = await sluice(t, ['append', directory], { input: 'one\n' })
  t.is(exit, 1)
  t.regex(stderr, new RegExp(`^sluice: SLUICE_LOCKED: .*process ${process.pid} .*\\n$`))
})

test.serial('append says what it can’t read', async (t) => {
  const directory = temporaryDirectory(t)
  const { exit, stderr } = await shell(t, `exec "$0" "$1" append "$2" < "$2"`, [directory])
  t.is(exit, 1)
  t.regex(stderr, /^stopped: 0 records durable\nsluice: EISDIR: .*\n$/)
})

test.serial('append tells of a torn end that it found', async (t) => {
  const { directory, built } = writtenLog(t, LAST_SEGMENT_UNMARKED, (log) => {
    const { bytes, frames } = segmentOf(log, -1)
    flip(bytes, (frames.at(-1)?.offset ?? 0) + 60)
  })
  const { name, frames } = segmentOf(built, -1)
  const { exit, stderr } = await program(['append', directory], { input: 'new\n' })
  t.is(exit, 0)
  const [recovered, done] = stderr.split('\n')
  t.regex(
    recovered ?? '',
    new RegExp(`^recovered: segment ${name} was torn at offset ${frames.at(-1)?.offset}; \\d+ bytes`),
  )
  t.regex(recovered ?? '', /, never acknowledged as durable, are kept in .*quarantine/)
  t.regex(done ?? '', /^1 record durable, LSN 10 to 10 /)
})
