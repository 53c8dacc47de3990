import { readdirSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import type { Log } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { verifyLog } from '../../src/segment/verify.js'
import { AcknowledgedLog } from '../support/acknowledged-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { type Random, random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const KILLS = 20
const POLICIES = ['batch', 'interval', 'immediate', 'never', 'adaptive', 'count'] as const
/** About what it takes to start a process, to open a log, and to append a little. */
const START_MS = 400

test('a process killed at any moment, again and again, loses nothing that was acknowledged', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const directory = temporaryDirectory(t)
  const heard = new AcknowledgedLog()
  const seen = { segments: 0, prepared: 0, firstLsn: 0, lastLsn: 0, rewritten: 0, torn: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    const before = heard.acknowledgements
    const policy = POLICIES[kill % POLICIES.length] ?? 'batch'
    // Each second time on average, what a kill left is recovered by a process that is killed in its turn.
    for (let processes = 1 + numbers.below(2); processes > 0; processes--) {
      await appendUntilKilled(t, directory, policy, heard, numbers)
    }
    seen.prepared += readdirSync(directory).filter((name) => name.startsWith('prepared-')).length
    const acknowledged = heard.acknowledgements - before
    const when = `kill ${kill}, ${policy}, ${acknowledged} acknowledged, seed ${numbers.seed}`
    isUndamaged(t, directory, heard.ackedLsn, when)
    const log = await openLog(directory)
    await isWhole(t, log, heard, when)
    const { recovery } = log
    if (acknowledged > 0) t.false(recovery.cleanShutdown)
    seen.segments = Math.max(seen.segments, recovery.segments)
    seen.firstLsn = recovery.firstLsn
    seen.lastLsn = recovery.lastLsn
    seen.rewritten += recovery.rewrittenRecords
    seen.torn += recovery.torn === undefined ? 0 : 1
    await log.close()
    isUndamaged(t, directory, seen.lastLsn, when)
  }
  t.log(`${heard.acknowledgements} appends were acknowledged`, seen)
  t.true(seen.segments > 1 && seen.firstLsn > 1 && seen.prepared > 0, 'it rotated, trimmed and prepared')
})

function isUndamaged(t: ExecutionContext, directory: string, lastLsn: number, when: string): void {
  const { ok, findings, ...found } = verifyLog(nodeFileSystem, directory)
  t.true(ok, `${when}: ${JSON.stringify(findings)}`)
  t.true(found.lastLsn >= lastLsn, when)
}

/** Kills a process that appends: after some acknowledgements, or at any moment, while it opens the log for one. */
async function appendUntilKilled(
  t: ExecutionContext,
  directory: string,
  policy: string,
  heard: AcknowledgedLog,
  { below }: Random,
): Promise<void> {
  const appender = new FixtureProcess(t, 'appender', [directory, `${below(2 ** 32)}`, policy])
  if (below(5) === 0) await delay(below(START_MS))
  else {
    for (let acknowledgements = 1 + below(800); acknowledgements > 0; ) {
      const line = await appender.line()
      heard.hear(line)
      if (line.startsWith('acked')) acknowledgements--
    }
  }
  const { signal } = await appender.kill()
  t.is(signal, 'SIGKILL')
  for (const line of appender.unread) heard.hear(line)
}

/** Asserts that the log has what was acknowledged, what was sent behind that up to some append, and nothing else. */
async function isWhole(t: ExecutionContext, log: Log, heard: AcknowledgedLog, when: string): Promise<void> {
  const { firstLsn, durableLsn, recovery } = log
  t.true(durableLsn >= heard.ackedLsn, `${when}: LSN ${heard.ackedLsn} was acknowledged, and ${durableLsn} is the last`)
  t.true(durableLsn <= heard.sentLsn, `${when}: LSN ${durableLsn} was never sent`)
  t.true(firstLsn >= heard.trimmedTo, `${when}: LSNs below ${heard.trimmedTo} were given up, and ${firstLsn} is there`)
  t.true(
    firstLsn <= heard.trimTarget,
    `${when}: LSN ${heard.trimTarget} was never given up, and ${firstLsn} comes first`,
  )
  t.is(log.nextLsn, durableLsn + 1)
  t.like(recovery, { firstLsn, lastLsn: durableLsn, records: durableLsn - firstLsn + 1 }, when)
  t.true(recovery.rewrittenRecords <= recovery.records && recovery.durationMs > 0, when)
  if (recovery.torn !== undefined) t.is(statSync(recovery.torn.keptIn).size, recovery.torn.bytes, when)
  t.is(heard.foundLast(durableLsn), undefined, `${when}: part of one append was found`)
  heard.foundFirst(firstLsn)
  const expected = heard.records(firstLsn)
  let lastTimestamp = 0
  for await (const { lsn, data, timestamp } of log.read()) {
    const { value } = expected.next()
    if (value?.lsn !== lsn || !data.equals(value.data)) return t.fail(`${when}: LSN ${lsn} is not what was sent`)
    if (timestamp < lastTimestamp) return t.fail(`${when}: LSN ${lsn} has a timestamp before that of the one before it`)
    lastTimestamp = timestamp
  }
  t.true(expected.next().done, `${when}: records are missing at the end`)
}
