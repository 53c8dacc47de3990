import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { program, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { writtenLog } from '../support/written-log.js'

test.serial('inspect lists segments, mark, and what was kept aside, in columns', async (t) => {
  const { directory, built } = writtenLog(t, THREE_SEGMENTS)
  mkdirSync(join(directory, 'quarantine'))
  writeFileSync(join(directory, 'quarantine', '0000000000000007.seg.4096'), 'kept')
  writeFileSync(join(directory, 'mark.tmp'), '')
  const { exit, stdout, stderr } = await program(['inspect', directory])
  t.is(exit, 0)
  t.is(stderr, '')
  const [id, , heading, ...rest] = stdout.toString().split('\n')
  t.is(id, `log ${built.logId.toString('hex')}`)
  const rows = rest.slice(0, 3)
  t.regex(
    rows[0] ?? '',
    /^0000000000000001.seg {2}sealed +1 +3 +3 +2 +\d+ {2}1970-01-01T00:00:01.000Z {2}1970-\S+Z {2}1970-\S+Z$/,
  )
  t.regex(rows[1] ?? '', /^0000000000000004.seg {2}sealed +4 +6 +3 +2 /)
  t.regex(rows[2] ?? '', /^0000000000000007.seg {2}active +7 +10 +4 +3 /)
  for (const column of ['FIRST LSN', 'LAST LSN', 'RECORDS', 'FRAMES', 'BYTES']) {
    // A column of numbers ends where its heading does.
    const end = (heading ?? '').indexOf(column) + column.length
    for (const row of rows) t.regex(row.slice(0, end + 1), /\d $/)
  }
  t.deepEqual(rest.slice(3), [
    '',
    'mark        LSN 1 to 10 are durable; not closed: in use, repaired, or cut off by a crash',
    'quarantine  0000000000000007.seg.4096, 4 bytes',
    'left over   mark.tmp: the next open removes it',
    '',
  ])
})

test.serial('inspect --json tells the same to programs', async (t) => {
  const { directory, built } = writtenLog(t, THREE_SEGMENTS)
  const { exit, stdout } = await program(['inspect', '--json', directory])
  t.is(exit, 0)
  const { logId, segments, mark, markSlots, quarantined, temporaries } = JSON.parse(stdout.toString())
  t.is(logId, built.logId.toString('hex'))
  t.deepEqual(
    segments.map(({ name, sealed, firstLsn, lastLsn, records, frames, bytes }: Record<string, unknown>) => {
      return [name, sealed, firstLsn, lastLsn, records, frames, bytes]
    }),
    built.segments.map(({ name, firstLsn, lastLsn, frames, bytes }, index) => {
      return [name, index < 2, firstLsn, lastLsn, lastLsn - firstLsn + 1, frames.length, bytes.length]
    }),
  )
  t.is(mark.logId, logId)
  t.is(mark.durableLsn, 10)
  t.is(markSlots.length, 2)
  t.deepEqual([quarantined, temporaries], [[], []])
})

test.serial('as processes of their own, inspect and stats say the same', async (t) => {
  const { directory } = writtenLog(t, THREE_SEGMENTS)
  const lines = [
    ['inspect', directory],
    ['inspect', '--json', directory],
    ['stats', directory],
    ['stats', '--json', directory],
  ]
  const ran = await Promise.all(lines.map((line) => sluice(t, line)))
  for (const [index, line] of lines.entries()) {
    const here = await program(line)
    t.true(here.stdout.length > 0)
    t.deepEqual(ran[index], here, line.join(' '))
  }
})

test.serial('inspect names a segment that it can’t read to its end, and goes on', async (t) => {
  const { directory, built } = writtenLog(t, THREE_SEGMENTS, (log) => {
    flip(segmentOf(log, 0).bytes, 30)
    const last = segmentOf(log, -1)
    flip(last.bytes, frameOf(last, 1).offset + 60)
  })
  const { exit, stdout } = await program(['inspect', directory])
  t.is(exit, 0)
  const text = stdout.toString()
  t.regex(text, /^0000000000000001.seg {2}problem +1 +- +0 /m)
  t.regex(text, /^0000000000000001.seg: .*header/m)
  t.regex(text, new RegExp(`^0000000000000007.seg: offset ${frameOf(segmentOf(built, -1), 1).offset}: `, 'm'))
})

test.serial('inspect and stats of a log without records', async (t) => {
  const directory = temporaryDirectory(t)
  await (await openLog(directory)).close()
  const inspected = await program(['inspect', directory])
  t.is(inspected.exit, 0)
  t.regex(
    inspected.stdout.toString(),
    /^no segment: .*\n\nmark {8}nothing is durable, the log begins at LSN 1; closed\n$/m,
  )
  const { exit, stdout } = await program(['stats', directory])
  t.is(exit, 0)
  t.regex(stdout.toString(), /^records {6}no records\nsegments {5}0, 0 of them sealed\n/)
})

test.serial('stats sums up what the files tell', async (t) => {
  const { directory, built } = writtenLog(t, {
    ...THREE_SEGMENTS,
    segments: THREE_SEGMENTS.segments.map((segment, index) => (index === 2 ? { ...segment, zeros: 1000 } : segment)),
  })
  const { exit, stdout, stderr } = await program(['stats', directory])
  t.is(exit, 0)
  t.is(stderr, '')
  const last = segmentOf(built, -1)
  const bytes = built.segments.reduce((sum, segment) => sum + segment.bytes.length, 0)
  const used = built.segments.reduce((sum, segment) => sum + segment.endOffset, 0)
  const percent = Math.round((100 * last.endOffset) / last.bytes.length)
  t.deepEqual(stdout.toString().split('\n'), [
    'records      10 records, LSN 1 to 10',
    'segments     3, 2 of them sealed',
    `bytes        ${bytes} (${(bytes / 1000).toPrecision(3)} kB), ${used} of them used`,
    'frames       7, 1.429 records each',
    `record size  ${Math.round(used / 10)} bytes on disk, headers and padding included`,
    'time span    1970-01-01T00:00:01.000Z to 1970-01-01T00:00:01.006Z, 6 ms',
    'rate         1667 records/s',
    `active       ${last.name}, ${last.endOffset} of ${last.bytes.length} bytes used, ${percent} %`,
    'mark         LSN 1 to 10 are durable; not closed: in use, repaired, or cut off by a crash',
    '',
  ])
  const json = JSON.parse((await program(['stats', '--json', directory])).stdout.toString())
  t.deepEqual(json, {
    firstLsn: 1,
    lastLsn: 10,
    records: 10,
    segments: 3,
    sealedSegments: 2,
    bytes,
    frames: 7,
    usedBytes: used,
    firstTimestampMs: 1000,
    lastTimestampMs: 1006,
    active: { name: last.name, bytes: last.bytes.length, endOffset: last.endOffset },
    durableLsn: 10,
    closed: false,
  })
})

test.serial('stats says which segment can’t be read', async (t) => {
  const { directory } = writtenLog(t, THREE_SEGMENTS, (log) => flip(segmentOf(log, 1).bytes, 30))
  const { exit, stdout } = await program(['stats', directory])
  t.is(exit, 0)
  t.regex(stdout.toString(), /^problem {6}0000000000000004.seg: .*header/m)
})

for (const command of ['inspect', 'stats', 'verify', 'repair']) {
  test.serial(`${command} says that there is no log, and makes none`, async (t) => {
    const directory = temporaryDirectory(t)
    const { exit, stdout, stderr } = await program([command, directory])
    t.is(exit, 1)
    t.is(stdout.length, 0)
    t.is(stderr, `sluice: SLUICE_INVALID_ARGUMENT: there is no log in ${directory}\n`)
    const missing = await program([command, join(directory, 'missing')])
    t.is(missing.exit, 1)
    t.regex(missing.stderr, /^sluice: SLUICE_INVALID_ARGUMENT: \S+ is not a folder\n$/)
    t.deepEqual(readdirSync(directory), [])
  })
}
