import test from 'ava'
import { fromErrorRecord } from '../../src/errors.js'
import { systemError } from '../../src/fs/system-error.js'
import type { WriterReport } from '../../src/ring/report.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { Trimmer } from '../../src/writer/trimmer.js'
import { DIRECTORY, putFiles, segmentsOf } from '../support/simulated-log.js'

const SEGMENTS = [1, 10, 20, 30]

interface Trial {
  readonly trimmer: Trimmer
  readonly fileSystem: SimulatedFileSystem
  readonly marks: number[]
  /** Steps a request until it reports; returns the report, and how many steps it took. */
  run(request: number, target: number): { report: WriterReport | undefined; steps: number }
}

function trial(noteTrimMark: (firstLsn: number) => void = () => {}): Trial {
  const fileSystem = new SimulatedFileSystem()
  const name = (lsn: number): string => `${String(lsn).padStart(16, '0')}.seg`
  putFiles(fileSystem, DIRECTORY, new Map(SEGMENTS.map((lsn) => [name(lsn), Buffer.from('x')])))
  const trimmer = new Trimmer(fileSystem, DIRECTORY, 1, SEGMENTS)
  const marks: number[] = []
  return {
    trimmer,
    fileSystem,
    marks,
    run(request, target) {
      for (let steps = 1; ; steps++) {
        const report = trimmer.step(request, target, (firstLsn) => {
          noteTrimMark(firstLsn)
          marks.push(firstLsn)
        })
        if (report !== 'more') return { report, steps }
      }
    },
  }
}

test('a request is answered once, one file a step', (t) => {
  const { run, marks, fileSystem, trimmer } = trial()
  t.deepEqual(run(0, 0), { report: undefined, steps: 1 }, 'nobody has asked yet')
  t.deepEqual(run(1, 25), { report: { kind: 'trimmed', firstLsn: 20 }, steps: 4 })
  t.deepEqual(run(1, 25), { report: undefined, steps: 1 })
  t.deepEqual(marks, [20])
  t.deepEqual(segmentsOf(fileSystem), [20, 30])
  t.is(trimmer.firstLsn, 20)
})

test('a request for what is given up already, or for less than a segment, is answered too', (t) => {
  const { run, marks, fileSystem } = trial()
  t.like(run(1, 5), { report: { kind: 'trimmed', firstLsn: 1 } })
  t.like(run(2, 10), { report: { kind: 'trimmed', firstLsn: 10 } })
  t.like(run(3, 10), { report: { kind: 'trimmed', firstLsn: 10 } })
  t.like(run(4, 1), { report: { kind: 'trimmed', firstLsn: 10 } })
  t.deepEqual(marks, [10])
  t.deepEqual(segmentsOf(fileSystem), [10, 20, 30])
})

test('the newest segment stays, and one that was begun since counts', (t) => {
  const { run, fileSystem, trimmer } = trial()
  t.like(run(1, 1000), { report: { kind: 'trimmed', firstLsn: 30 } })
  t.deepEqual(segmentsOf(fileSystem), [30])
  t.is(trimmer.lastSegment, 30)
  trimmer.addSegment(50)
  t.is(trimmer.lastSegment, 50)
  t.like(run(2, 1000), { report: { kind: 'trimmed', firstLsn: 50 } })
  t.deepEqual(segmentsOf(fileSystem), [])
})

test('without a segment there is nothing to give up', (t) => {
  const trimmer = new Trimmer(new SimulatedFileSystem(), DIRECTORY, 1, [])
  t.is(trimmer.lastSegment, 0)
  t.is(
    trimmer.step(1, 1, () => t.fail()),
    'more',
  )
  t.deepEqual(
    trimmer.step(1, 1, () => t.fail()),
    { kind: 'trimmed', firstLsn: 1 },
  )
})

test('the trim mark comes before any file goes', (t) => {
  const { run, fileSystem } = trial(() => t.deepEqual(segmentsOf(fileSystem), SEGMENTS))
  t.like(run(1, 30), { report: { kind: 'trimmed', firstLsn: 30 } })
})

test('a trim mark that could not be noted passes through, and nothing was removed', (t) => {
  const { run, fileSystem, trimmer } = trial(() => {
    throw systemError('EIO', 'write')
  })
  t.throws(() => run(1, 30), { code: 'EIO' })
  t.is(trimmer.firstLsn, 1)
  t.deepEqual(segmentsOf(fileSystem), SEGMENTS)
})

test('a trim mark that a full disk has no room for is told, and may be asked for again', (t) => {
  let full = true
  const { run, fileSystem, trimmer } = trial(() => {
    if (full) throw systemError('EDQUOT', 'write')
  })
  const { report } = run(1, 30)
  if (report?.kind !== 'trim-failed') throw new Error('it did not fail')
  t.like(fromErrorRecord(report.error), { code: 'SLUICE_DISK_FULL', syscall: 'write' })
  t.is(trimmer.firstLsn, 1)
  t.deepEqual(segmentsOf(fileSystem), SEGMENTS)
  full = false
  t.like(run(2, 30), { report: { kind: 'trimmed', firstLsn: 30 } })
})

test('a file that can’t be removed is told, and tried again with the next request', (t) => {
  const { run, fileSystem, trimmer } = trial()
  fileSystem.inject({ call: 'removeSync', nth: 2, error: 'EACCES' })
  const { report } = run(1, 30)
  if (report?.kind !== 'trim-failed') throw new Error('it did not fail')
  t.like(fromErrorRecord(report.error), { code: 'SLUICE_IO', syscall: 'unlink' })
  t.is(report.firstLsn, 30)
  t.is(trimmer.firstLsn, 30, 'its records are given up all the same')
  t.deepEqual(segmentsOf(fileSystem), [10, 20, 30])
  t.like(run(2, 30), { report: { kind: 'trimmed', firstLsn: 30 } })
  t.deepEqual(segmentsOf(fileSystem), [30])
})
