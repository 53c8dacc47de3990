import { readdirSync } from 'node:fs'
import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { FileSystem } from '../../src/fs/file-system.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { recover } from '../../src/segment/recovery.js'
import type { ThreadFault } from '../fixtures/failing-writer.js'
import { FixtureProcess, within } from '../support/fixture-process.js'
import { random } from '../support/random.js'
import { missingSmallDisk, onSmallDisk } from '../support/small-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

/*
 * What faults-everywhere.test.ts tries at each call over the simulated file system, for a sample of calls with the real
 * writer: in its thread, on a real disk. No descriptor and no thread may be left, whatever failed. Each fails in one way; with
 * SLUICE_FAULTS=all, in more.
 */

const SEGMENT_BYTES = 16 * 1024
const LARGE = 'L'.repeat(SEGMENT_BYTES - 4096)
const CODES = ['SLUICE_IO', 'SLUICE_DISK_FULL', 'SLUICE_COMMIT_FAILED', 'SLUICE_FAILED']

const CALLS: readonly (readonly [keyof FileSystem, readonly number[]])[] = [
  ['openSync', [2, 6]],
  ['closeSync', [1, 5]],
  ['writeSync', [1, 4, 7]],
  ['datasyncSync', [1, 3, 5]],
  ['truncateSync', [1]],
  ['renameSync', [1, 2]],
  ['removeSync', [2]],
  ['syncDirectorySync', [2, 3]],
]

/** EIO and ENOSPC, each once and for good, by turns, from one on that the seed decides. */
const WAYS = [
  { error: 'EIO', once: true },
  { error: 'ENOSPC', once: false },
  { error: 'EIO', once: false },
  { error: 'ENOSPC', once: true },
] as const

const workerUrl = new URL('../fixtures/failing-writer.js', import.meta.url)

/** How many threads and open descriptors this process has. */
function belongings(): { readonly threads: number; readonly descriptors: number } {
  const [threads, descriptors] = ['task', 'fd'].map((kind) => readdirSync(`/proc/self/${kind}`).length)
  return { threads: threads ?? 0, descriptors: descriptors ?? 0 }
}

interface Outcome {
  /** By LSN. */
  readonly acknowledged: Map<number, string>
  readonly errors: unknown[]
}

/** Works until it is done. */
async function work(directory: string, fault: ThreadFault): Promise<Outcome> {
  // A thread is given a copy of the environment when it starts.
  process.env['SLUICE_TEST_FAULT'] = JSON.stringify(fault)
  const acknowledged = new Map<number, string>()
  const errors: unknown[] = []
  const note = async (call: () => Promise<unknown>): Promise<void> => {
    try {
      await call()
    } catch (error) {
      errors.push(error)
    }
  }
  await note(async () => {
    const log = await openLog(directory, { workerUrl, segmentBytes: SEGMENT_BYTES })
    for (const text of ['a', 'b', `1${LARGE}`, 'c', `2${LARGE}`, 'd']) {
      await note(async () => acknowledged.set(await log.append(text), text))
    }
    await note(() => log.flush())
    await note(() => log.trim(Math.min(4, log.nextLsn)))
    await note(() => log.close())
  })
  return { acknowledged, errors }
}

const linux = testWith(test.serial, process.platform === 'linux' ? undefined : 'only Linux has /proc')

linux(
  'a call that fails in the writer thread leaves neither thread nor descriptor, and loses nothing (needs /proc)',
  async (t) => {
    const sound: ThreadFault = { call: 'openSync', nth: 0, error: 'EIO', once: true }
    const first = await work(temporaryDirectory(t), sound)
    t.deepEqual(first.errors, [])
    const before = belongings()
    const numbers = random()
    t.log(`seed ${numbers.seed}`)
    const turn = numbers.below(WAYS.length)
    let runs = 0
    let told = 0
    for (const [call, places] of CALLS) {
      for (const nth of places) {
        const ways = process.env['SLUICE_FAULTS'] === 'all' ? WAYS : WAYS.slice((turn + runs) % WAYS.length).slice(0, 1)
        for (const way of ways) {
          const fault = { call, nth, ...way }
          const where = JSON.stringify(fault)
          const directory = temporaryDirectory(t)
          const { acknowledged, errors } = await within('end of a run', () => where, work(directory, fault))
          runs++
          if (errors.length > 0) told++
          for (const each of errors) {
            t.true(each instanceof SluiceError && CODES.includes(each.code), `${where}: ${String(each)}`)
          }
          t.deepEqual(belongings(), before, where)
          recover(nodeFileSystem, directory)
          const reader = await openLogReader(directory)
          const found = new Map<number, string>()
          for await (const { lsn, data } of reader.read()) found.set(lsn, data.toString())
          for (const [lsn, text] of acknowledged) {
            if (lsn >= reader.firstLsn) t.is(found.get(lsn), text, `${where}: ${lsn} was acknowledged`)
          }
          t.true(reader.firstLsn <= 4, where)
          await reader.close()
        }
      }
    }
    t.log(`${runs} runs, of which ${told} were told an error`)
    t.true(told > runs / 2)
  },
)

testWith(test, missingSmallDisk())(
  'a disk that is full again and again: the writer thread takes back what does not fit, and goes on',
  async (t) => {
    const directory = temporaryDirectory(t)
    const wrapper = onSmallDisk(directory, '2m')
    const { code, lines, complaints } = await new FixtureProcess(t, 'full-disk', [directory], { wrapper }).end()
    t.is(code, 0, complaints)
    t.is(lines.length, 1, lines.join('\n'))
    const found: unknown = JSON.parse(lines[0] ?? '')
    t.log(found)
    const { rollbacks, refused, acknowledged } = found as Record<string, number> // Reported by the fixture.
    t.true(Number(rollbacks) >= 6)
    t.true(Number(refused) >= 6 * 40)
    t.true(Number(acknowledged) > 1000)
  },
)
