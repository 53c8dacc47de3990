import { randomFillSync } from 'node:crypto'
import { type Log, openLog } from '../src/index.js'
import { RECORD_BYTES } from './drivers/driver.js'
import type { OpenFigures, TrialResults, TrialSpec } from './trial-spec.js'

const MIB = 1024 * 1024
const LARGEST_SEGMENT_BYTES = 1024 * MIB

/** Fills a log of small segments, until so many of them are sealed. */
export async function sealSegments(spec: TrialSpec & { kind: 'seal' }): Promise<TrialResults['seal']> {
  const log = await openLog(spec.directory, { segmentBytes: spec.segmentBytes })
  let sealed = 0
  log.on('rotate', () => {
    sealed += 1
  })
  await appendWhile(log, 64, () => sealed < spec.segments)
  const { bytes } = log.stats()
  await log.close()
  return { segments: sealed, bytes }
}

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
