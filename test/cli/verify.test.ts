import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { program, SluiceCommand, shell, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { writtenLog } from '../support/written-log.js'

/** A log with damage inside a sealed segment: LSN 6 can't be read. */
function damagedLog(t: ExecutionContext): { readonly directory: string; readonly offset: number } {
  let offset = 0
  const { directory } = writtenLog(t, THREE_SEGMENTS, (log) => {
    const segment = segmentOf(log, 1)
    offset = frameOf(segment, 1).offset
    flip(segment.bytes, offset + 60)
  })
  return { directory, offset }
}

/** A log whose end is torn: LSN 10 was never acknowledged. */
function tornLog(t: ExecutionContext): { readonly directory: string; readonly offset: number } {
  let offset = 0
  const { directory } = writtenLog(t, LAST_SEGMENT_UNMARKED, (log) => {
    const segment = segmentOf(log, -1)
    offset = frameOf(segment, -1).offset
    flip(segment.bytes, offset + 60)
  })
  return { directory, offset }
}

/** Every file of a folder, and of the folders in it. */
function contentsOf(directory: string): Map<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = names.map(({ parentPath, name }) => join(parentPath, name))
  return new Map(paths.sort().map((path) => [path, readFileSync(path, 'latin1')]))
}

test.serial('verify says that a sound log is sound', async (t) => {
  const { directory } = writtenLog(t, THREE_SEGMENTS)
  const { exit, stdout, stderr } = await program(['verify', directory])
  t.is(exit, 0)
  t.is(stderr, '')
  t.regex(stdout.toString(), /^sound: 10 records, LSN 1 to 10; 3 segments, 1\d.\d kB\n$/)
})

test.serial('verify names damage by segment, offset and LSNs, exits with 1, and changes nothing', async (t) => {
  const { directory, offset } = damagedLog(t)
  const before = contentsOf(directory)
  const { exit, stdout, stderr } = await program(['verify', directory])
  t.is(exit, 1)
  t.is(stderr, '')
  const [finding, verdict] = stdout.toString().split('\n')
  t.regex(finding ?? '', new RegExp(`^damage: segment 0000000000000004.seg, offset ${offset}, LSN 6: .*checksum`))
  t.regex(
    verdict ?? '',
    /^damaged: whole from the beginning on are 5 records, LSN 1 to 5; durable was all up to LSN 10; /,
  )
  const json = await program(['verify', '--json', directory])
  t.is(json.exit, 1)
  const report = JSON.parse(json.stdout.toString())
  t.like(report, { ok: false, firstLsn: 1, lastLsn: 5, durableLsn: 10, segments: 3 })
  t.like(report.findings, [{ kind: 'corrupt', segment: '0000000000000004.seg', offset, firstLsn: 6, lastLsn: 6 }])
  t.deepEqual(contentsOf(directory), before)
})

test.serial('verify exits with 1 for a damaged log also when nobody reads what it says', async (t) => {
  const { directory } = damagedLog(t)
  const { stderr } = await shell(t, `{ "$0" "$@"; echo "exit $?" >&2; } | true`, ['verify', directory])
  t.is(stderr, 'exit 1\n')
})

test.serial('a torn tail is said, but is no damage', async (t) => {
  const { directory, offset } = tornLog(t)
  const before = contentsOf(directory)
  const { exit, stdout } = await program(['verify', directory])
  t.is(exit, 0)
  const [finding, verdict] = stdout.toString().split('\n')
  t.regex(
    finding ?? '',
    new RegExp(`^torn tail: segment 0000000000000007.seg, offset ${offset}, \\d+ bytes: .*never acknowledged`),
  )
  t.regex(verdict ?? '', /^sound: 9 records, LSN 1 to 9; /)
  const repair = await program(['repair', '--yes', directory])
  t.is(repair.exit, 0)
  t.regex(
    repair.stdout.toString(),
    /^torn tail: .*\nthere is no damage, and nothing to repair: 9 records, LSN 1 to 9\n$/,
  )
  t.deepEqual(
    [...contentsOf(directory)].filter(([path]) => !path.endsWith('lock')),
    [...before],
  )
})

test.serial('verify reads beside a writer', async (t) => {
  const directory = temporaryDirectory(t)
  await program(['append', directory], { input: 'zero\n' })
  const append = new SluiceCommand(t, ['append', '--segment-bytes', '16KiB', directory])
  const line = `${'x'.repeat(1000)}\n`
  let writing = true
  append.child.stdin.on('drain', () => {
    if (writing) append.child.stdin.write(line.repeat(100))
  })
  append.child.stdin.write(line.repeat(100))
  for (let count = 0; count < 3; count++) {
    const { exit, stdout } = await program(['verify', directory])
    t.is(exit, 0, stdout.toString())
  }
  writing = false
  append.child.stdin.end()
  t.is((await append.result()).exit, 0)
})

test.serial('repair without --yes says what it would do, exits with 2, and changes nothing', async (t) => {
  const { directory, offset } = damagedLog(t)
  const before = contentsOf(directory)
  for (const option of ['--json', '--']) {
    const { exit, stdout, stderr } = await program(['repair', option, directory], { input: 'y\n' })
    t.is(exit, 2)
    t.regex(stderr, /^sluice: USAGE: .*--yes[^\n]*\n$/)
    const text = stdout.toString()
    if (option === '--json')
      t.like(JSON.parse(text), { damaged: true, dryRun: true, lost: [{ firstLsn: 6, lastLsn: 10 }] })
    else {
      t.regex(text, new RegExp(`^damage: segment 0000000000000004.seg, offset ${offset}, LSN 6: `))
      t.regex(text, /\nwould move 0000000000000007.seg, \d+ bytes, to \S+quarantine\S+\n/)
      t.regex(
        text,
        new RegExp(`\\nwould cut 0000000000000004.seg at offset ${offset}: \\d+ bytes, kept in \\S+quarantine`),
      )
      t.regex(text, /\nwould be lost: LSN 6 to 10 \(5 records\)\nwould be left: 5 records, LSN 1 to 5\n$/)
    }
  }
  t.deepEqual(
    [...contentsOf(directory)].filter(([path]) => !path.endsWith('lock')),
    [...before],
  )
})

test.serial('repair --yes repairs, says what is lost and where it is kept; then verify is content', async (t) => {
  const { directory } = damagedLog(t)
  const { exit, stdout, stderr } = await program(['repair', '--yes', directory])
  t.is(exit, 0)
  t.is(stderr, '')
  const text = stdout.toString()
  t.regex(text, /\nlost: LSN 6 to 10 \(5 records\)\nleft: 5 records, LSN 1 to 5\n$/)
  const kept = [...text.matchAll(/(?:kept in|, to) (\S+)/g)].map(([, path]) => path ?? '')
  t.is(kept.length, 2)
  for (const path of kept) t.true(readFileSync(path).length > 0, path)
  t.is((await program(['verify', directory])).exit, 0)
  t.is((await program(['cat', directory])).stdout.toString(), 'one\ntwo\nthree\nfour\nfive\n')
  t.regex((await program(['append', directory], { input: 'new\n' })).stderr, /^1 record durable, LSN 6 to 6 /)
  const again = await program(['repair', directory])
  t.is(again.exit, 0)
  t.regex(again.stdout.toString(), /^there is no damage, and nothing to repair: 6 records, LSN 1 to 6\n$/)
})

test.serial('repair refuses a log that another process is writing', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  t.teardown(() => log.close())
  await log.append('one')
  const { exit, stderr } = await sluice(t, ['repair', '--yes', directory])
  t.is(exit, 1)
  t.regex(stderr, /^sluice: SLUICE_LOCKED: [^\n]*\n$/)
})
