import { LARGE_BATCH_BYTES } from './storage-measurement.js'
import type { Recommendation, StorageClass, StorageMeasurement, StorageReport } from './storage-report.js'

const MIB = 1024 * 1024
/** The quickest flash takes longer than this to take in 4 KiB, whatever is in front of it. */
const LEAST_COMMIT_MS = 0.008
/** A platter has to come round: 7,200 turns a minute take 4 ms for half a turn. */
const LEAST_DISK_COMMIT_MS = 1
/** Above it, waiting for company costs less than the syncs that it spares. */
const SLOW_SYNC_MS = 1
/** No batch should hold up those behind it for longer than this. */
const LONGEST_WRITE_MS = 100
/** The next segment has to be filled with zeros while half of this one is written. */
const LONGEST_ZERO_FILL_MS = 2000
/** Prepared segments are worth their room where a large commit takes so much longer without them. */
const PREPARING_PAYS_FROM = 1.25
/** As much as a burst of so long can write, */
const BURST_MS = 1000
/** but no more than so many: a gigabyte, */
const PREPARED_SEGMENTS_MAX = 16
/** that take no more than so much of what is free. */
const PREPARED_SHARE_MAX = 1 / 4
const DEFAULT_BATCH_BYTES = 8 * MIB
const DEFAULT_SEGMENT_BYTES = 64 * MIB

/** Why the syncs look too fast to be true. */
export function doubtAbout({ commitMs }: StorageMeasurement, storageClass: StorageClass): string | undefined {
  const took = `writing and syncing 4 KiB takes ${shownMs(commitMs.p50)}`
  if (storageClass === 'memory') return 'it lies in memory: nothing there survives a power cut, synced or not'
  if (commitMs.p50 < LEAST_COMMIT_MS) {
    return `${took}, less than any drive needs: syncs may be ignored on the way (a mount option, a library, a hypervisor's cache)`
  }
  if (storageClass === 'disk' && commitMs.p50 < LEAST_DISK_COMMIT_MS) {
    return `${took}, less than a platter needs to come round: a cache answers for it, which has to be protected from power cuts`
  }
  return undefined
}

/** What is known of a place beside what was measured there. */
export type Surroundings = Pick<StorageReport, 'storageClass' | 'availableBytes'>

/** What the measurement speaks for, with the reason. */
export function recommendationsFrom(measured: StorageMeasurement, place: Surroundings): readonly Recommendation[] {
  const options = [flush, delay, batchBytes, segmentBytes]
  return [...options.map((recommendation) => recommendation(measured)), preparedSegments(measured, place)]
}

function flush({ commitMs }: StorageMeasurement): Recommendation {
  const reason = `a commit takes ${shownMs(commitMs.p50)} (1 in 100 more than ${shownMs(commitMs.p99)}), shared by all appends that wait`
  return { option: 'flush', value: "'batch'", isDefault: true, reason }
}

function delay({ syncMs }: StorageMeasurement): Recommendation {
  const option = 'batch.maxDelayMs'
  const took = `a sync takes ${shownMs(syncMs.p50)}`
  return syncMs.p50 < SLOW_SYNC_MS
    ? {
        option,
        value: '0',
        isDefault: true,
        reason: `${took}: batches form while it runs, and holding them back only adds to it`,
      }
    : {
        option,
        value: "'adaptive'",
        isDefault: false,
        reason: `${took}: waiting for company, at most half as long, costs less than another one`,
      }
}

function batchBytes({ bytesPerSecond }: StorageMeasurement): Recommendation {
  const option = 'batch.maxBytes'
  const rate = `1 MiB at a time it takes in ${shownRate(bytesPerSecond)}`
  const most = (bytesPerSecond * LONGEST_WRITE_MS) / 1000
  if (most >= DEFAULT_BATCH_BYTES) {
    return {
      option,
      value: inMib(DEFAULT_BATCH_BYTES),
      isDefault: true,
      reason: `${rate}: no batch takes ${LONGEST_WRITE_MS} ms`,
    }
  }
  const value = inMib(Math.max(MIB, powerBelow(most)))
  return {
    option,
    value,
    isDefault: false,
    reason: `${rate}: a larger batch would hold up those behind it for over ${LONGEST_WRITE_MS} ms`,
  }
}

function segmentBytes(measured: StorageMeasurement): Recommendation {
  const bytes = fittingSegmentBytes(measured)
  const isDefault = bytes === DEFAULT_SEGMENT_BYTES
  const rate = `zeros go in at ${shownRate(measured.zeroFillBytesPerSecond)}`
  const reason = isDefault
    ? `${rate}: the next segment is prepared in time`
    : `${rate}: preparing a larger segment would keep the disk busy for over ${LONGEST_ZERO_FILL_MS / 1000} s`
  return { option: 'segmentBytes', value: inMib(bytes), isDefault, reason }
}

/** The largest, up to the default, that is filled with zeros in time. */
function fittingSegmentBytes({ zeroFillBytesPerSecond }: StorageMeasurement): number {
  const most = (zeroFillBytesPerSecond * LONGEST_ZERO_FILL_MS) / 1000
  return most >= DEFAULT_SEGMENT_BYTES ? DEFAULT_SEGMENT_BYTES : Math.max(MIB, powerBelow(most))
}

function preparedSegments(
  measured: StorageMeasurement,
  { storageClass, availableBytes }: Surroundings,
): Recommendation {
  const option = 'preparedSegments'
  const none = (reason: string): Recommendation => ({ option, value: '0', isDefault: true, reason })
  if (storageClass === 'memory')
    return none('it lies in memory: what is prepared there takes the room of the processes')
  const { largeCommitMs, growingLargeCommitMs } = measured
  const [zeroed, growing] = [largeCommitMs.p50, growingLargeCommitMs.p50]
  const took = `a commit of 128 KiB takes ${shownMs(growing)} where it makes the file grow, and ${shownMs(zeroed)} where zeros are there already`
  if (growing < zeroed * PREPARING_PAYS_FROM) return none(`${took}: preparing brings little`)
  const burstBytes = (BURST_MS / zeroed) * LARGE_BATCH_BYTES
  const bytes = fittingSegmentBytes(measured)
  const wanted = Math.min(PREPARED_SEGMENTS_MAX, Math.ceil(burstBytes / bytes))
  const count = Math.min(wanted, Math.floor((availableBytes * PREPARED_SHARE_MAX) / bytes))
  if (count === 0) return none(`${took}, but only ${Math.floor(availableBytes / MIB)} MiB are free`)
  const room = `${(count * bytes) / MIB} MiB of room${count < wanted ? ', a quarter of what is free' : ''}`
  const reason = `${took}: if load comes in bursts, with time in between (they take ${room}, and each byte is then written twice)`
  return { option, value: String(count), isDefault: false, reason }
}

/** The highest power of two that is not above. */
function powerBelow(bytes: number): number {
  return 2 ** Math.floor(Math.log2(bytes))
}

function inMib(bytes: number): string {
  return `${bytes / MIB} * 1024 * 1024`
}

function shownMs(ms: number): string {
  return ms < 1 ? `${threeDigits(ms * 1000)} µs` : `${threeDigits(ms)} ms`
}

function shownRate(bytesPerSecond: number): string {
  return `${threeDigits(bytesPerSecond / 1e6)} MB/s`
}

/** Not by `toPrecision` above that, which goes over to exponents. */
function threeDigits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
