import test, { type ExecutionContext } from 'ava'
import type { LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { type Random, random } from '../support/random.js'
import { DIRECTORY } from '../support/simulated-log.js'

/*
 * The power goes at a random call of a random workload, in several ways each. Whatever survives, the log opens again to a
 * dense prefix of what was accepted, byte for byte, with all that was acknowledged as durable (P1, P2), whole
 * `appendMany`s (P3), acknowledged in order (P4); and once opened, it is all durable, whatever happens next (P12).
 */

const SCENARIOS = 250
const CUTS = 4
const OPERATIONS = 60

const FLUSH: readonly NonNullable<LogOptions['flush']>[] = [
  'batch',
  'batch',
  'immediate',
  { everyMs: 1 },
  { everyRecords: 7, everyMs: 2 },
  'never',
]

/** What the workload did, and what it was told. */
interface Story {
  /** What was accepted, by LSN. */
  readonly accepted: Map<number, Buffer>
  /** First and last LSN of each `appendMany`. */
  readonly many: (readonly [first: number, last: number])[]
  /** LSNs in the order in which they were acknowledged. */
  readonly durable: number[]
  readonly written: number[]
  /** The highest LSN below which it asked to trim. */
  trimmedTo: number
}

function payload(numbers: Random): Buffer {
  const bytes = [0, 1, 20, 200, 3000][numbers.below(5)] ?? 0
  return Buffer.alloc(bytes, `${numbers.below(2 ** 31)},`)
}

/** Works until the power goes, or until it is done. */
async function work(fileSystem: SimulatedFileSystem, options: LogOptions, numbers: Random): Promise<Story> {
  const story: Story = { accepted: new Map(), many: [], durable: [], written: [], trimmedTo: 1 }
  const log = await openLog(DIRECTORY, { ...options, fileSystem }).catch(() => undefined)
  if (log === undefined) return story
  const pending: Promise<unknown>[] = []
  for (let count = 0; count < OPERATIONS && log.status === 'open'; count++) {
    const lsn = log.nextLsn
    const kind = numbers.below(20)
    if (kind < 12) {
      const ack = options.flush === 'never' || numbers.below(4) === 0 ? 'written' : 'durable'
      const data = payload(numbers)
      pending.push(log.append(data, { ack }).then((given) => story[ack].push(given)))
      story.accepted.set(lsn, data)
    } else if (kind < 15) {
      const records = Array.from({ length: 1 + numbers.below(8) }, () => payload(numbers))
      const ack = options.flush === 'never' ? 'written' : 'durable'
      pending.push(log.appendMany(records, { ack }).then(({ last }) => story[ack].push(last)))
      story.many.push([lsn, lsn + records.length - 1])
      for (const [index, data] of records.entries()) story.accepted.set(lsn + index, data)
    } else if (kind < 17) {
      pending.push(log.flush().then((durableLsn) => story.durable.push(durableLsn)))
    } else if (kind === 17) {
      story.trimmedTo = Math.max(story.trimmedTo, 1 + numbers.below(lsn))
      pending.push(log.trim(story.trimmedTo))
    } else {
      await Promise.race([...pending.slice(-1), new Promise(setImmediate)]).catch(() => {})
    }
  }
  await Promise.allSettled([...pending, log.close()])
  return story
}

/** What a log of this file system holds, by LSN; it ends without being closed. */
async function recovered(fileSystem: SimulatedFileSystem): Promise<{ firstLsn: number; records: Map<number, Buffer> }> {
  const log = await openLog(DIRECTORY, { fileSystem })
  const records = new Map<number, Buffer>()
  for await (const { lsn, data } of log.read()) records.set(lsn, data)
  return { firstLsn: log.firstLsn, records }
}

function check(t: ExecutionContext, story: Story, found: Awaited<ReturnType<typeof recovered>>, where: string): void {
  const { firstLsn, records } = found
  const lastLsn = firstLsn + records.size - 1
  if (firstLsn > story.trimmedTo) t.fail(`${where}: trimmed to ${firstLsn}, asked for ${story.trimmedTo}`)
  let expected = firstLsn
  for (const [lsn, data] of records) {
    if (lsn !== expected++) t.fail(`${where}: LSN ${lsn} after ${expected - 2}`)
    if (story.accepted.get(lsn)?.equals(data) !== true) t.fail(`${where}: LSN ${lsn} is not what was accepted`)
  }
  const durableLsn = Math.max(0, ...story.durable)
  if (lastLsn < durableLsn) t.fail(`${where}: ${durableLsn} was durable, and the last one is ${lastLsn}`)
  for (const [first, last] of story.many) {
    if (first <= lastLsn && lastLsn < last) t.fail(`${where}: of ${first} to ${last} only those to ${lastLsn}`)
  }
}

test('whenever the power goes, what was acknowledged is there, in a dense prefix of what was accepted', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  let stopped = 0
  let lost = 0
  for (let scenario = 0; scenario < SCENARIOS; scenario++) {
    const numbers = random(seed + scenario)
    const flush = FLUSH[numbers.below(FLUSH.length)] ?? 'batch'
    const directorySync = numbers.below(4) === 0 ? 'always' : 'changed'
    const options: LogOptions = { flush, directorySync, segmentBytes: 16 * 1024 + numbers.below(2) * 16 * 1024 }
    const fileSystem = new SimulatedFileSystem({ seed: seed + scenario })
    fileSystem.crashAfter(1 + numbers.below(120))
    const story = await work(fileSystem, options, numbers)
    if (fileSystem.stoppedAt !== undefined) stopped++
    t.deepEqual(
      story.written,
      story.written.toSorted((one, other) => one - other),
    )
    const acknowledged = story.durable.filter((lsn, index) => lsn < Math.max(0, ...story.durable.slice(0, index)))
    t.deepEqual(acknowledged, [], 'acknowledgements come in LSN order')
    for (let cut = 0; cut < CUTS; cut++) {
      const where = `SLUICE_SEED=${seed}, scenario ${scenario}, cut ${cut}, ${JSON.stringify(options)}`
      const after = fileSystem.stateAfterCrash({ seed: seed + cut })
      const found = await recovered(after)
      check(t, story, found, where)
      if (found.firstLsn + found.records.size <= Math.max(0, ...story.accepted.keys())) lost++
      const again = await recovered(after.stateAfterCrash({ keep: 'none' }))
      if (again.records.size !== found.records.size) t.fail(`${where}: what was opened is lost by the next power cut`)
    }
  }
  t.log(`${SCENARIOS * CUTS} crash states; in ${lost} of them something that was not durable was lost`)
  t.true(stopped > SCENARIOS / 2, 'the power went in the middle of most workloads')
  t.true(lost > CUTS, 'and took what was not durable')
})
