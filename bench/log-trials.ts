import { randomFillSync } from 'node:crypto'
import { type Log, openLog } from '../src/index.js'
import { scanBare } from './bare-scan.js'
import { RECORD_BYTES } from './drivers/driver.js'
import type { OpenFigures, TrialResults, TrialSpec } from './trial-spec.js'

const MIB = 1024 * 1024
const GROWING_PRODUCERS = 1024
const LARGEST_SEGMENT_BYTES = 1024 * MIB

/** Fills one large segment. It is still appending when the promise resolves, and until the process ends. */
export async function appendUntilKilled(
  spec: TrialSpec & { kind: 'append-until-killed' },
): Promise<TrialResults['append-until-killed']> {
  const log = await openLog(spec.directory, { segmentBytes: LARGEST_SEGMENT_BYTES })
  return new Promise((resolve, reject) => {
    let told = false
    const tellOnce = (): true => {
      if (!told && log.durableLsn * RECORD_BYTES >= spec.bytes) {
        told = true
        resolve({ durableRecords: log.durableLsn })
      }
      return true
    }
    appendWhile(log, 1024, tellOnce).catch(reject)
  })
}

/** Fills a log to a size. It stays open when the promise resolves, and until the process ends. */
export async function growLog(spec: TrialSpec & { kind: 'grow' }): Promise<TrialResults['grow']> {
  const log = await openLog(spec.directory, { segmentBytes: spec.segmentBytes })
  const record = randomFillSync(Buffer.alloc(spec.recordBytes))
  let left = spec.records
  const produce = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await log.append(record)
    }
  }
  await Promise.all(Array.from({ length: GROWING_PRODUCERS }, produce))
  return { durableRecords: log.durableLsn }
}

export async function scanOnce(spec: TrialSpec & { kind: 'scan' }): Promise<TrialResults['scan']> {
  const startedAt = performance.now()
  const figures = scanBare(spec.directory, spec.which)
  return { ...figures, scanMs: performance.now() - startedAt }
}

export async function openOnce(spec: TrialSpec & { kind: 'open' }): Promise<OpenFigures> {
  const startedAt = performance.now()
  const log = await openLog(spec.directory)
  const openMs = performance.now() - startedAt
  const { durationMs: recoveryMs, bytesRead, records, segments, rewrittenRecords, cleanShutdown } = log.recovery
  await log.close()
  return { openMs, recoveryMs, bytesRead, records, segments, rewrittenRecords, cleanShutdown }
}

async function appendWhile(log: Log, producers: number, goesOn: () => boolean): Promise<void> {
  const record = randomFillSync(Buffer.alloc(RECORD_BYTES))
  while (goesOn()) await Promise.all(Array.from({ length: producers }, () => log.append(record)))
}
