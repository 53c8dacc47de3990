import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { readMarkFile } from '../../src/format/mark.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { openLog } from '../../src/log/open-log.js'
import { verifyLog } from '../../src/segment/verify.js'
import { AcknowledgedLog } from '../support/acknowledged-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { random } from '../support/random.js'
import { shell } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const COPIES = 4

const isSegment = (name: string): boolean => name.endsWith('.seg')

/** `fs.copyFile` never comes to an end where the file is cut meanwhile, as a segment is when it is sealed. */
function copyFile(name: string, from: string, to: string): void {
  writeFileSync(join(to, name), readFileSync(join(from, name)))
}

/** Copies as docs/DURABILITY.md says: the mark first, then the segments in ascending order. */
function copyOnce(from: string, to: string): void {
  copyFile('mark', from, to)
  for (const name of readdirSync(from).filter(isSegment).sort()) copyFile(name, from, to)
}

test('a copy of a live log has all that was durable when the copy began', async (t) => {
  const { below, seed } = random()
  t.log(`seed ${seed}`)
  const directory = temporaryDirectory(t)
  const appender = new FixtureProcess(t, 'appender', [directory, `${below(2 ** 32)}`, 'batch', 'keep'])
  const heard = new AcknowledgedLog()
  const tries: number[] = []
  for (let copy = 1; copy <= COPIES; copy++) {
    for (let acknowledgements = 100; acknowledgements > 0; ) {
      const line = await appender.line()
      heard.hear(line)
      if (line.startsWith('acked')) acknowledgements--
    }
    const durableLsn = heard.ackedLsn
    const to = temporaryDirectory(t)
    let attempts = 1
    copyOnce(directory, to)
    for (let report = verifyLog(nodeFileSystem, to); !report.ok; report = verifyLog(nodeFileSystem, to)) {
      if (attempts++ === 100) return t.fail(JSON.stringify(report))
      copyOnce(directory, to)
    }
    tries.push(attempts)
    await copyHolds(t, to, durableLsn, heard, appender)
  }
  t.log(`each copied again until nothing was caught in the middle of being written: ${tries.join(', ')} times`)
  appender.tell('stop')
  t.is((await appender.end()).code, 0)
})

/** Asserts that the copy opens, and has what was sent, up to some LSN that is not below this one. */
async function copyHolds(
  t: ExecutionContext,
  copy: string,
  durableLsn: number,
  heard: AcknowledgedLog,
  appender: FixtureProcess,
): Promise<void> {
  const log = await openLog(copy)
  t.true(log.durableLsn >= durableLsn, `${log.durableLsn} is there, and ${durableLsn} was durable`)
  // All of it was said before it was appended.
  while (heard.sentLsn < log.durableLsn) heard.hear(await appender.line())
  const expected = heard.records(1)
  for await (const { lsn, data } of log.read()) {
    const { value } = expected.next()
    if (value?.lsn !== lsn || !data.equals(value.data)) return t.fail(`LSN ${lsn} is not what was sent`)
  }
  await log.close()
}

test('the recipe of the page, in a shell, makes a copy of a live log', async (t) => {
  const page = readFileSync(new URL('../../../docs/DURABILITY.md', import.meta.url), 'utf8')
  const [, recipe = ''] = /## Copying a live log\n[^#]*?```sh\n(.*?)```/s.exec(page) ?? []
  t.regex(recipe, /data\/orders.* backup/)
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'backup'))
  const log = await openLog(join(directory, 'data', 'orders'), { segmentBytes: 1024 * 1024 })
  t.teardown(() => log.close())
  const text = (lsn: number): string => `${lsn} `.padEnd(1000, '.')
  const append = () => Promise.all(Array.from({ length: 20 }, () => log.append(text(log.nextLsn))))
  // More than a segment, so that there are several to copy.
  while (log.nextLsn < 1200) await append()
  const { durableLsn } = log
  const script = `node=$0 main=$1; sluice() { "$node" "$main" "$@"; }; cd "$2" && ${recipe}`
  let copied = false
  const copying = shell(t, script, [directory]).finally(() => {
    copied = true
  })
  while (!copied) await append()
  const { exit, stderr } = await copying
  t.is(exit, 0, stderr)
  const copy = await openLog(join(directory, 'backup'))
  t.teardown(() => copy.close())
  t.true(copy.durableLsn >= durableLsn)
  for await (const { lsn, data } of copy.read())
    if (data.toString() !== text(lsn)) return t.fail(`LSN ${lsn} is ${data}`)
  t.log(`${durableLsn} were durable when it began, ${copy.durableLsn} are in the copy, ${log.durableLsn} in the log`)
})

function markedLsn(directory: string): number {
  const result = readMarkFile(readFileSync(join(directory, 'mark')))
  return result.kind === 'valid' ? result.mark.durableLsn : 0
}

test('a segment that is caught in the middle of being written is found out, and copied again', async (t) => {
  const directory = temporaryDirectory(t)
  const copy = join(temporaryDirectory(t), 'copy')
  mkdirSync(copy)
  const log = await openLog(directory)
  const texts = ['durable when the copy began', 'written while it was read', 'and one more']
  t.is(await log.append(texts[0] ?? ''), 1)
  // The mark is noted once the append was told: at once, but nobody waits for it.
  while (markedLsn(directory) < 1) await new Promise(setImmediate)
  copyFile('mark', directory, copy)
  const [segment = ''] = readdirSync(directory).filter(isSegment)
  const path = join(directory, segment)
  // What a program reads that copies in pieces: the first piece ends in the middle of what is written before the next.
  const mark = readMarkFile(readFileSync(join(copy, 'mark')))
  const endOffset = mark.kind === 'valid' ? mark.mark.endOffset : 0
  const firstPiece = readFileSync(path).subarray(0, endOffset + 16)
  t.deepEqual([await log.append(texts[1] ?? ''), await log.append(texts[2] ?? '')], [2, 3])
  writeFileSync(join(copy, segment), Buffer.concat([firstPiece, readFileSync(path).subarray(firstPiece.length)]))
  const { ok, findings, lastLsn } = verifyLog(nodeFileSystem, copy)
  t.like({ ok, lastLsn }, { ok: false, lastLsn: 1 })
  t.like(findings, [{ kind: 'corrupt', segment, firstLsn: 2, lastLsn: 2 }])
  await t.throwsAsync(openLog(copy), { instanceOf: SluiceError, code: 'SLUICE_CORRUPT' })
  copyOnce(directory, copy)
  t.true(verifyLog(nodeFileSystem, copy).ok)
  const opened = await openLog(copy)
  const found: string[] = []
  for await (const { data } of opened.read()) found.push(data.toString())
  t.deepEqual(found, texts)
  await opened.close()
  await log.close()
})

test('segments that are copied before the mark are found to be too few', async (t) => {
  const directory = temporaryDirectory(t)
  const copy = temporaryDirectory(t)
  const log = await openLog(directory)
  await log.append('in the copied segment')
  const [segment = ''] = readdirSync(directory).filter(isSegment)
  copyFile(segment, directory, copy)
  await log.append('in the mark alone')
  await log.close()
  copyFile('mark', directory, copy)
  const error = await t.throwsAsync(openLog(copy), { instanceOf: SluiceError, code: 'SLUICE_CORRUPT' })
  t.like(error, { segment, firstLsn: 2, lastLsn: 2 })
})
