import { randomInt } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { recover } from '../../src/segment/recovery.js'
import { repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import type { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { logOnSimulatedDisk } from '../support/log-on-simulated-disk.js'
import { LAST_FRAMES_UNMARKED, LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { DIRECTORY, flip, frameOf, replaceFile, segmentOf } from '../support/memory-log.js'

const SEED = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))
/** How many ways each moment ends in. */
const CUTS = Number(process.env['SLUICE_CUTS'] ?? 4)

test.before((t) => t.log(`SLUICE_SEED=${SEED}`))

type Work = (fs: SimulatedFileSystem) => unknown

/** Does the work, stopped at the n-th call; returns whether it was. */
function stopsAt(fs: SimulatedFileSystem, n: number, work: Work): boolean {
  fs.crashAfter(n)
  try {
    work(fs)
  } catch (error) {
    if (fs.stoppedAt === undefined) throw error
  }
  return fs.stoppedAt !== undefined
}

/**
 * Cuts the power at every call of the work, in many ways each: whatever survived of what was not synced, doing the work
 * again ends in a sound log with these LSNs.
 */
function survivesEveryCut(t: ExecutionContext, log: SimulatedFileSystem, work: Work, lsns: readonly number[]): void {
  let n = 1
  for (; ; n++) {
    const fs = log.stateAfterCrash({ keep: 'all' })
    if (!stopsAt(fs, n, work)) break
    for (let cut = 0; cut < CUTS; cut++) {
      const after = fs.stateAfterCrash({ seed: SEED + cut })
      work(after)
      assertSound(t, after, lsns, `call ${n}, seed ${SEED + cut}`)
    }
  }
  t.true(n > 10)
}

/**
 * Lets every sync of the work fail, each for itself, and does the work again without a crash in between. What the failed
 * sync should have written counts as clean then, and no later sync writes it: so all of it has to be written anew.
 */
function survivesFailedSyncs(t: ExecutionContext, log: SimulatedFileSystem, work: Work, lsns: readonly number[]): void {
  for (const call of ['datasyncSync', 'syncDirectorySync'] as const) {
    for (let nth = 1; ; nth++) {
      const fs = log.stateAfterCrash({ keep: 'all' })
      const withdraw = fs.inject({ call, nth, error: 'EIO' })
      try {
        work(fs)
        withdraw()
        break
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        t.is(error.code, 'SLUICE_IO')
      }
      work(fs)
      assertSound(t, fs, lsns, `failed ${call} ${nth}`)
    }
  }
}

function assertSound(t: ExecutionContext, fs: SimulatedFileSystem, lsns: readonly number[], what: string): void {
  const { firstLsn, lastLsn } = recover(fs, DIRECTORY)
  t.deepEqual([firstLsn, lastLsn], lsns, what)
  t.deepEqual(verifyLog(fs, DIRECTORY).findings, [], what)
  const durable = recover(fs.stateAfterCrash({ keep: 'none' }), DIRECTORY)
  t.deepEqual([durable.firstLsn, durable.lastLsn], lsns, `${what}, and a power cut after it`)
}

const recovering: Work = (fs) => recover(fs, DIRECTORY)
const repairing: Work = (fs) => repairLog(fs, DIRECTORY)

interface Case {
  readonly name: string
  readonly work: Work
  readonly plan: LogPlan
  readonly change?: (log: BuiltLog) => void
  /** The first and last LSN that are left. */
  readonly lsns: readonly [number, number]
}

const tear = (n: number) => (log: BuiltLog) => {
  const segment = segmentOf(log, 2)
  flip(segment.bytes, frameOf(segment, n).offset + 60)
  replaceFile(log, segment, Buffer.concat([segment.bytes, Buffer.alloc(5000)]))
}

const CASES: readonly Case[] = [
  { name: 'recovery of a clean log', work: recovering, plan: LAST_FRAMES_UNMARKED, lsns: [1, 10] },
  {
    name: 'recovery of a clean log whose last segment is unmarked',
    work: recovering,
    plan: LAST_SEGMENT_UNMARKED,
    lsns: [1, 10],
  },
  { name: 'recovery of a torn tail', work: recovering, plan: LAST_FRAMES_UNMARKED, change: tear(1), lsns: [1, 7] },
  {
    name: 'recovery of a torn tail of an unmarked segment',
    work: recovering,
    plan: LAST_SEGMENT_UNMARKED,
    change: tear(2),
    lsns: [1, 9],
  },
  {
    name: 'recovery of a segment that is torn from its first frame on',
    work: recovering,
    plan: LAST_SEGMENT_UNMARKED,
    change: tear(0),
    lsns: [1, 6],
  },
  {
    name: 'recovery of a trimmed log with a seal that was begun',
    work: recovering,
    plan: {
      segments: [{ frames: [['one']] }, { frames: [['two'], ['three']], sealed: true, zeros: 5000 }],
      mark: { firstLsn: 2 },
    },
    lsns: [2, 3],
  },
  {
    name: 'recovery without a mark file, of a sealed segment',
    work: recovering,
    plan: {
      segments: [{ frames: [['one']] }, { frames: [{ records: ['two'], mark: 0 }], sealed: true, footer: { mark: 0 } }],
      mark: undefined,
    },
    lsns: [1, 2],
  },
  {
    name: 'repair of a damaged segment in the middle',
    work: repairing,
    plan: THREE_SEGMENTS,
    change: (log) => flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 1).offset + 60),
    lsns: [1, 1],
  },
  {
    name: 'repair of missing first segments, and of a durable frame at the end',
    work: repairing,
    plan: THREE_SEGMENTS,
    change: (log) => {
      log.files.delete(segmentOf(log, 0).name)
      tear(2)(log)
    },
    lsns: [4, 9],
  },
  {
    name: 'repair of a log whose mark file is of another log',
    work: repairing,
    plan: { ...THREE_SEGMENTS, mark: { logId: Buffer.alloc(16, 7) } },
    lsns: [1, 10],
  },
]

for (const { name, work, plan, change, lsns } of CASES) {
  test(`${name}: the power goes at any call`, (t) => {
    survivesEveryCut(t, logOnSimulatedDisk(plan, change, SEED), work, lsns)
  })

  test(`${name}: any sync fails`, (t) => {
    survivesFailedSyncs(t, logOnSimulatedDisk(plan, change, SEED), work, lsns)
  })
}
