import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { readMarkFile } from '../../src/format/mark.js'
import type { LogReader } from '../../src/log/contract.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess, within } from '../support/fixture-process.js'
import { treeOf } from '../support/log-files.js'
import { random } from '../support/random.js'
import { seededAppend } from '../support/seeded-append.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** The checksum of each record by LSN, as it was sent last: a record that was durable is never sent again. */
class SentRecords {
  readonly checksums: number[] = []
  lastAcked = 0

  hear(line: string): void {
    const [what, ...numbers] = line.split(' ')
    const [lsn = 0, _count, seed = 0] = numbers.map(Number)
    // Those of one batch are told in any order.
    if (what === 'acked') this.lastAcked = Math.max(this.lastAcked, lsn)
    if (what !== 'sent') return
    for (const [index, record] of seededAppend(seed).records.entries()) {
      this.checksums[lsn + index] = checksum(Buffer.from(record))
    }
  }
}

interface Followed {
  readonly checksums: number[]
  firstLsn: number
  lastLsn: number
}

/** What the mark file tells now. It is read again where both slots were being written. */
function markedLsn(directory: string): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const result = readMarkFile(readFileSync(join(directory, 'mark')))
    if (result.kind === 'valid') return result.mark.durableLsn
  }
  return 0
}

/** Follows to the end. Each record must come behind the one before it, and the mark file must tell that it is durable. */
async function follow(t: ExecutionContext, directory: string, reader: LogReader, followed: Followed): Promise<void> {
  for await (const { lsn, data } of reader.follow()) {
    if (followed.lastLsn === 0) followed.firstLsn = lsn
    else if (lsn !== followed.lastLsn + 1) t.fail(`LSN ${lsn} comes behind ${followed.lastLsn}`)
    if (markedLsn(directory) < lsn) t.fail(`LSN ${lsn} is not marked as durable`)
    if (reader.durableLsn < lsn) t.fail(`LSN ${lsn} is beyond ${reader.durableLsn}`)
    followed.checksums[lsn] = checksum(data)
    followed.lastLsn = lsn
  }
}

const WRITERS = 3

test('a reader follows a log through rotations, trims, and writers that are killed and followed by others', async (t) => {
  const { below, seed } = random()
  t.log(`seed ${seed}`)
  const directory = temporaryDirectory(t)
  const sent = new SentRecords()
  const followed: Followed = { checksums: [], firstLsn: 0, lastLsn: 0 }
  let reader: LogReader | undefined
  let following: Promise<void> | undefined
  for (let writer = 1; writer <= WRITERS; writer++) {
    const appender = new FixtureProcess(t, 'appender', [directory, `${below(2 ** 32)}`, 'batch', 'keep'])
    sent.hear(await appender.until('ready'))
    reader ??= await openLogReader(directory)
    following ??= follow(t, directory, reader, followed)
    // What it fails with is told below.
    following.catch(() => {})
    for (let acknowledgements = 500 + below(500); acknowledgements > 0; ) {
      const line = await appender.line()
      sent.hear(line)
      if (line.startsWith('acked')) acknowledgements--
      // Only what was followed: a follower that a trim overtakes is told so, and ends.
      if (acknowledgements % 100 === 0 && followed.lastLsn > 0) appender.tell(`trim ${followed.lastLsn}`)
    }
    if (writer === WRITERS) appender.tell('stop')
    await (writer === WRITERS ? appender.end() : appender.kill())
    for (const line of appender.unread) sent.hear(line)
  }
  const story = () => `followed up to ${followed.lastLsn} of ${sent.lastAcked}, marked ${reader?.durableLsn}`
  await within('last record', story, caughtUp(followed, sent.lastAcked, following))
  await reader?.refresh()
  t.log(`followed from ${followed.firstLsn} to ${followed.lastLsn}; the log begins at ${reader?.firstLsn}`)
  t.true((reader?.firstLsn ?? 0) > followed.firstLsn, 'it was trimmed meanwhile')
  await reader?.close()
  await following
  t.is(followed.lastLsn, sent.lastAcked)
  const wrong = followed.checksums.findIndex((found, lsn) => found !== undefined && found !== sent.checksums[lsn])
  t.is(wrong, -1, 'each is what was sent')
})

/** Resolves once all up to this LSN was followed; rejects where the follower ends before. */
async function caughtUp(followed: Followed, lsn: number, following: Promise<void> | undefined): Promise<void> {
  let ended: unknown
  following?.then(
    () => {
      ended = 'without an error'
    },
    (error) => {
      ended = error
    },
  )
  while (followed.lastLsn < lsn) {
    if (ended !== undefined) throw new Error(`the follower ended behind LSN ${followed.lastLsn}`, { cause: ended })
    await new Promise(setImmediate)
  }
}

test('a reader takes no lock and changes not a byte: before, beside and after a writer', async (t) => {
  const directory = temporaryDirectory(t)
  const written = await openLog(directory, { segmentBytes: 16 * 1024 })
  for (let index = 0; index < 50; index++) await written.append(Buffer.alloc(1000, index))
  await written.trim(20)
  await written.close()
  const before = treeOf(directory)
  const reader = await openLogReader(directory)
  const { firstLsn } = reader
  const read: number[] = []
  for await (const { lsn } of reader.read()) read.push(lsn)
  t.deepEqual(
    read,
    Array.from({ length: 50 - firstLsn + 1 }, (_, index) => firstLsn + index),
  )
  t.deepEqual((await reader.get(33))?.data, Buffer.alloc(1000, 32))
  t.is(await reader.refresh(), 50)
  await t.throwsAsync(reader.get(1), { code: 'SLUICE_TRIMMED' })
  const next = reader.follow({ from: 51 })[Symbol.asyncIterator]().next()
  t.deepEqual(treeOf(directory), before)
  const log = await openLog(directory)
  const beside = await openLogReader(directory)
  t.is(beside.durableLsn, 50)
  t.is(await log.append('beside'), 51)
  t.is((await next).value?.data.toString(), 'beside')
  await beside.close()
  await log.close()
  const after = treeOf(directory)
  await reader.close()
  t.deepEqual(treeOf(directory), after)
})
