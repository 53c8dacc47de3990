import { randomInt } from 'node:crypto'
import test from 'ava'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { recover } from '../../src/segment/recovery.js'
import { repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import type { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { logOnSimulatedDisk } from '../support/log-on-simulated-disk.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { DIRECTORY, flip, frameOf, replaceFile, segmentOf } from '../support/memory-log.js'

const SEED = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))
/** How many ways each moment ends in. */
const CUTS = 12

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
const everyCut = test.macro(
  (t, work: Work, plan: LogPlan, change: (log: BuiltLog) => void, lsns: readonly [number, number]) => {
    const log = logOnSimulatedDisk(plan, change, SEED)
    let n = 1
    for (; ; n++) {
      const fs = log.stateAfterCrash({ keep: 'all' })
      if (!stopsAt(fs, n, work)) break
      for (let cut = 0; cut < CUTS; cut++) {
        const what = `call ${n}, seed ${SEED + cut}`
        const after = fs.stateAfterCrash({ seed: SEED + cut })
        work(after)
        const { firstLsn, lastLsn } = recover(after, DIRECTORY)
        t.deepEqual([firstLsn, lastLsn], lsns, what)
        t.deepEqual(verifyLog(after, DIRECTORY).findings, [], what)
        const durable = recover(after.stateAfterCrash({ keep: 'none' }), DIRECTORY)
        t.deepEqual([durable.firstLsn, durable.lastLsn], lsns, what)
      }
    }
    t.true(n > 10)
  },
)

const recovering: Work = (fs) => recover(fs, DIRECTORY)
const repairing: Work = (fs) => {
  repairLog(fs, DIRECTORY)
}

test('recovery of a clean log', everyCut, recovering, LAST_SEGMENT_UNMARKED, () => {}, [1, 10])

test(
  'recovery of a torn tail',
  everyCut,
  recovering,
  LAST_SEGMENT_UNMARKED,
  (log) => {
    const segment = segmentOf(log, 2)
    flip(segment.bytes, frameOf(segment, 1).offset + 60)
    replaceFile(log, segment, Buffer.concat([segment.bytes, Buffer.alloc(5000)]))
  },
  [1, 7],
)

test(
  'recovery of a segment that is torn from its first frame on',
  everyCut,
  recovering,
  LAST_SEGMENT_UNMARKED,
  (log) => flip(segmentOf(log, 2).bytes, SEGMENT_HEADER_BYTES + 60),
  [1, 6],
)

test(
  'recovery of a trimmed log with a seal that was begun',
  everyCut,
  recovering,
  {
    segments: [{ frames: [['one']] }, { frames: [['two'], ['three']], sealed: true, zeros: 5000 }],
    mark: { firstLsn: 2 },
  },
  () => {},
  [2, 3],
)

test(
  'repair of a damaged segment in the middle',
  everyCut,
  repairing,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 1).offset + 60),
  [1, 1],
)

test(
  'repair of missing first segments, and of a durable frame at the end',
  everyCut,
  repairing,
  THREE_SEGMENTS,
  (log) => {
    log.files.delete(segmentOf(log, 0).name)
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
  },
  [4, 9],
)

test(
  'repair of a log whose mark file is of another log',
  everyCut,
  repairing,
  { ...THREE_SEGMENTS, mark: { logId: Buffer.alloc(16, 7) } },
  () => {},
  [1, 10],
)
