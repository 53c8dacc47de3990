import test from 'ava'
import { doubtAbout, recommendationsFrom } from '../../src/probe/recommendation.js'
import type { StorageMeasurement, TimeSpread } from '../../src/probe/storage-report.js'

function times(p50: number): TimeSpread {
  return { p50, p99: p50 * 2, max: p50 * 9, count: 100 }
}

/** A drive on which a commit takes so long, half of it the sync. */
function drive(commitMs: number, more: Partial<StorageMeasurement> = {}): StorageMeasurement {
  return {
    writeMs: times(commitMs / 2),
    syncMs: times(commitMs / 2),
    commitMs: times(commitMs),
    growingCommitMs: times(commitMs * 2),
    directorySyncMs: times(commitMs),
    bytesPerSecond: 2e9,
    zeroFillBytesPerSecond: 1e9,
    ...more,
  }
}

test('on a fast drive every default is right, each with the figure that says so', (t) => {
  const recommendations = recommendationsFrom(drive(0.1))
  t.deepEqual(
    recommendations.map(({ option, value, isDefault }) => [option, value, isDefault]),
    [
      ['flush', "'batch'", true],
      ['batch.maxDelayMs', '0', true],
      ['batch.maxBytes', '8 * 1024 * 1024', true],
      ['segmentBytes', '64 * 1024 * 1024', true],
    ],
  )
  t.deepEqual(
    recommendations.map(({ reason }) => /100 µs|50.0 µs|2000 MB\/s|1000 MB\/s/.exec(reason)?.[0]),
    ['100 µs', '50.0 µs', '2000 MB/s', '1000 MB/s'],
  )
})

test('where a sync is slow, batches wait for company', (t) => {
  const [, delay] = recommendationsFrom(drive(12))
  t.like(delay, { option: 'batch.maxDelayMs', value: "'adaptive'", isDefault: false })
  t.regex(delay?.reason ?? '', /6.00 ms/)
})

test('where little goes in a second, batches and segments are smaller, down to 1 MiB', (t) => {
  const values = (bytesPerSecond: number) =>
    recommendationsFrom(drive(12, { bytesPerSecond, zeroFillBytesPerSecond: bytesPerSecond }))
      .slice(2)
      .map(({ value, isDefault }) => [value, isDefault])
  t.deepEqual(values(30e6), [
    ['2 * 1024 * 1024', false],
    ['32 * 1024 * 1024', false],
  ])
  t.deepEqual(values(1000), [
    ['1 * 1024 * 1024', false],
    ['1 * 1024 * 1024', false],
  ])
})

test('commits faster than the storage can be are doubted', (t) => {
  t.is(doubtAbout(drive(0.1), 'nvme'), undefined)
  t.is(doubtAbout(drive(0.1), 'unknown'), undefined)
  t.regex(doubtAbout(drive(0.004), 'ssd') ?? '', /4.00 µs, less than any drive needs/)
  t.is(doubtAbout(drive(9), 'disk'), undefined)
  t.regex(doubtAbout(drive(0.2), 'disk') ?? '', /200 µs, less than a platter/)
  t.regex(doubtAbout(drive(9), 'memory') ?? '', /nothing there survives a power cut/)
})
