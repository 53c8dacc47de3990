import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { AcknowledgedLog } from '../support/acknowledged-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const SEGMENT_BYTES = 64 * 1024

/** Moves a log's folder away while another process appends to it, and waits until that has ended; returns what it said. */
async function movedAway(t: ExecutionContext, from: string, to: string, move: () => void): Promise<AcknowledgedLog> {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  const heard = new AcknowledgedLog()
  const appender = new FixtureProcess(t, 'appender', [from, `${seed}`, 'batch', 'keep', `${SEGMENT_BYTES}`])
  for (let acknowledgements = 50 + below(300); acknowledgements > 0; ) {
    const line = await appender.line()
    heard.hear(line)
    if (line.startsWith('acked')) acknowledgements--
  }
  move()
  const { code, complaints } = await appender.end()
  for (const line of appender.unread) heard.hear(line)
  t.is(code, 1)
  // Of the append that was under way, or of the next one of a producer who had none: that may be told first.
  t.regex(complaints, /SLUICE_(COMMIT_)?FAILED/)
  t.regex(complaints, /ENOENT/)
  t.false(existsSync(from), `${from} is now ${to}: nothing is made in its old place`)
  return heard
}

test('a folder that is renamed under a busy log of another process has all that was acknowledged, under its new name', async (t) => {
  const root = temporaryDirectory(t)
  const [from, to] = [join(root, 'from'), join(root, 'to')]
  const heard = await movedAway(t, from, to, () => renameSync(from, to))
  const log = await openLog(to)
  t.true(log.durableLsn >= heard.ackedLsn, `LSN ${heard.ackedLsn} was acknowledged, and ${log.durableLsn} is the last`)
  t.is(heard.foundLast(log.durableLsn), undefined, 'part of one append was found')
  const expected = heard.records(1)
  for await (const { lsn, data } of log.read()) {
    const { value } = expected.next()
    if (value?.lsn !== lsn || !data.equals(value.data)) return t.fail(`LSN ${lsn} is not what was sent`)
  }
  t.true(expected.next().done, 'records are missing at the end')
  await log.close()
})

test('a folder that is removed under a busy log of another process: that is told, and a new log can take its place', async (t) => {
  const root = temporaryDirectory(t)
  const [from, to] = [join(root, 'from'), join(root, 'to')]
  await movedAway(t, from, to, () => {
    // At one go: the writer would go on making files in a folder that is being emptied.
    renameSync(from, to)
    rmSync(to, { recursive: true })
  })
  const log = await openLog(from)
  t.is(await log.append('x'), 1)
  await log.close()
})
