import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { readMarkFile } from '../../src/format/mark.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { recover } from '../../src/segment/recovery.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { LAST_FRAMES_UNMARKED, LAST_SEGMENT_UNMARKED } from '../support/log-plans.js'
import { MemoryFileSystem, type MutatingCall } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

/** What a crash in recovery is thrown as: no system error, so it passes through as it is. */
class Crash extends Error {}

interface Outcome {
  readonly files: readonly (readonly [string, Buffer])[]
  readonly durableLsn: number | undefined
  readonly log: object
}

/** All that two recoveries of the same crash have to agree on; sequences of the mark file may differ. */
function outcomeOf(fs: MemoryFileSystem): Outcome {
  const { firstLsn, lastLsn, lastTimestampMs, segments, active, previous } = recover(fs, DIRECTORY)
  const after = fs.afterPowerCut()
  const files = [...after.files()].filter(([path]) => path !== '/log/mark')
  const marked = readMarkFile(after.bytesOf('/log/mark'))
  const durableLsn = marked.kind === 'valid' ? marked.mark.durableLsn : undefined
  return { files, durableLsn, log: { firstLsn, lastLsn, lastTimestampMs, segments, active, previous } }
}

/** Recovers until the call with this number, and stops there as a crash would. Returns whether it got that far. */
function crashesAt(fs: MemoryFileSystem, callNumber: number, calls: MutatingCall[]): boolean {
  let made = 0
  fs.beforeChange = (call) => {
    if (made++ === callNumber) throw new Crash()
    if (callNumber === Number.POSITIVE_INFINITY) calls.push(call)
  }
  try {
    recover(fs, DIRECTORY)
    return false
  } catch (error) {
    if (error instanceof Crash) return true
    throw error
  } finally {
    fs.beforeChange = () => {}
  }
}

/** Says how the two differ, which takes long to find out, only where they do. */
function agrees(t: ExecutionContext, outcome: Outcome, wanted: Outcome, when: string): void {
  if (isDeepStrictEqual(outcome, wanted)) t.pass()
  else t.deepEqual(outcome, wanted, when)
}

function survivesEveryCrash(t: ExecutionContext, plan: LogPlan, change: (built: BuiltLog) => void): void {
  const wanted = outcomeOf(memoryLog(plan, change).fs)
  let callNumber = 0
  for (; ; callNumber++) {
    const { fs } = memoryLog(plan, change)
    if (!crashesAt(fs, callNumber, [])) break
    t.is(fs.openFiles, 0, `descriptors stay open after a failure at call ${callNumber}`)
    for (const [what, state] of Object.entries({ kill: fs.afterProcessCrash(), powerCut: fs.afterPowerCut() })) {
      agrees(t, outcomeOf(state), wanted, `${what} before call ${callNumber}`)
      // A second crash, in the recovery after the first one.
      for (let second = 0; ; second++) {
        const again = what === 'kill' ? fs.afterProcessCrash() : fs.afterPowerCut()
        if (!crashesAt(again, second, [])) break
        agrees(t, outcomeOf(again.afterPowerCut()), wanted, `${what} before call ${callNumber}, then before ${second}`)
      }
    }
  }
  t.true(callNumber > 3, 'recovery changed something')
}

const everyCrash = test.macro(survivesEveryCrash)

test('a clean log with temporary files', everyCrash, LAST_SEGMENT_UNMARKED, (log) => {
  log.files.set('mark.tmp', Buffer.from('half'))
  log.files.set('0000000000000011.seg.tmp', Buffer.from('half'))
})

for (const [marked, plan] of Object.entries({ marked: LAST_FRAMES_UNMARKED, unmarked: LAST_SEGMENT_UNMARKED })) {
  test(`a torn tail of a segment that is ${marked}`, everyCrash, plan, (log) => {
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60)
  })

  test(`a torn tail with zeros behind it, of a segment that is ${marked}`, everyCrash, plan, (log) => {
    const segment = segmentOf(log, 2)
    flip(segment.bytes, frameOf(segment, 2).offset + 60)
    replaceFile(log, segment, Buffer.concat([segment.bytes, Buffer.alloc(10_000)]))
  })
}

test('a segment that is torn from its first frame on', everyCrash, LAST_SEGMENT_UNMARKED, (log) => {
  flip(segmentOf(log, 2).bytes, SEGMENT_HEADER_BYTES + 60)
})

test(
  'a footer with zeros behind it',
  everyCrash,
  { segments: [{ frames: [['one']], sealed: true, zeros: 9 }] },
  () => {},
)

test('trimmed segments and a torn tail', everyCrash, LAST_SEGMENT_UNMARKED, (log) => {
  flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
  log.files.set(
    'mark',
    memoryLog({ segments: [], mark: { firstLsn: 4, durableLsn: 6 } }).built.files.get('mark') ?? Buffer.alloc(0),
  )
})

test('no mark file', everyCrash, { ...LAST_SEGMENT_UNMARKED, mark: undefined }, (log) => {
  flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
})

test('a new log', (t) => {
  for (let callNumber = 0; ; callNumber++) {
    const fs = new MemoryFileSystem('/', DIRECTORY)
    if (!crashesAt(fs, callNumber, [])) break
    for (const state of [fs.afterProcessCrash(), fs.afterPowerCut()]) {
      t.like(recover(state, DIRECTORY), { lastLsn: 0, firstLsn: 1 })
      t.deepEqual(state.afterPowerCut().listSync(DIRECTORY), ['mark'])
    }
  }
})

test('after a power cut in recovery nothing is lost that was durable, whatever the page cache held', (t) => {
  for (let callNumber = 0; ; callNumber++) {
    const { fs, built } = memoryLog(LAST_FRAMES_UNMARKED)
    const { name, bytes, frames } = segmentOf(built, 2)
    fs.putOnDiskOnly(`/log/${name}`, bytes.subarray(0, frames[1]?.offset))
    if (!crashesAt(fs, callNumber, [])) break
    const { lastLsn } = recover(fs.afterPowerCut(), DIRECTORY)
    t.true(lastLsn === 7 || lastLsn === 10, `LSN ${lastLsn} before call ${callNumber}`)
  }
})

test('recovery syncs what it changes before it goes on', (t) => {
  const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
    log.files.set('prepared-7.tmp', Buffer.from('half'))
  })
  const calls: MutatingCall[] = []
  t.false(crashesAt(fs, Number.POSITIVE_INFINITY, calls))
  const keptAside = ['makeDirectory', 'syncDirectory', 'create', 'write', 'datasync', 'rename', 'syncDirectory']
  // No mark says that the last segment has its name for good: a copy takes it.
  const named = ['create', 'write', 'datasync', 'rename']
  const rewritten = ['write', 'datasync']
  const cut = ['truncate', 'write', 'datasync', 'syncDirectory']
  const marked = ['write', 'datasync']
  const cleanedUp = ['remove', 'syncDirectory']
  t.deepEqual(calls, [...keptAside, ...named, ...rewritten, ...cut, ...marked, ...cleanedUp])
})
