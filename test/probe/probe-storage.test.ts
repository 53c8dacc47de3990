import { mkdirSync, readdirSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { probeStorage } from '../../src/index.js'
import { doubtAbout, recommendationsFrom, type Surroundings } from '../../src/probe/recommendation.js'
import { measureStorage } from '../../src/probe/storage-measurement.js'
import { mountOf, parseMounts, storagePlace } from '../../src/probe/storage-place.js'
import type { StorageMeasurement, TimeSpread } from '../../src/probe/storage-report.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { openPaths } from '../support/simulated-log.js'
import { sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('a probe measures every call, names the place, and leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t)
  const report = await probeStorage(directory)
  t.is(report.directory, directory)
  const names = ['writeMs', 'syncMs', 'commitMs', 'growingCommitMs', 'largeCommitMs', 'growingLargeCommitMs'] as const
  for (const name of [...names, 'directorySyncMs'] as const) {
    const { p50, p99, max, count } = report[name]
    t.true(p50 > 0 && p50 <= p99 && p99 <= max && count >= 8, `${name}: ${JSON.stringify(report[name])}`)
  }
  t.true(report.bytesPerSecond > 0)
  t.true(report.zeroFillBytesPerSecond > 0)
  t.is(report.recommendations.length, 5)
  const { blocks, bsize } = statfsSync(directory)
  t.true(report.availableBytes > 0 && report.availableBytes <= blocks * bsize, `${report.availableBytes}`)
  t.deepEqual(readdirSync(directory), [])
})

test('what can’t be measured is refused, by name', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const refused = { code: 'SLUICE_INVALID_ARGUMENT' }
  await t.throwsAsync(probeStorage(join(directory, 'none')), { ...refused, message: /no directory ".*none"/ })
  await t.throwsAsync(probeStorage(file), { ...refused, message: /is not a directory/ })
  await t.throwsAsync(async () => probeStorage(''), refused)
})

test('a disk without room is told as such', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 1024 * 1024 })
  t.throws(() => measureStorage(fileSystem, '/'), { code: 'ENOSPC' })
  t.deepEqual(fileSystem.listSync('/'), [])
  t.deepEqual(openPaths(fileSystem), [])
})

test.serial('sluice probe says the same, as text and as JSON', async (t) => {
  const directory = temporaryDirectory(t)
  const [text, json] = await Promise.all([sluice(t, ['probe', directory]), sluice(t, ['probe', '--json', directory])])
  t.is(text.exit, 0)
  t.is(text.stderr, '')
  for (const line of [
    /^free +\d/m,
    /^both: a commit +\d/m,
    /^recommended:$/m,
    /^ {2}segmentBytes: /m,
    /^ {2}preparedSegments: \d/m,
  ])
    t.regex(text.stdout.toString(), line)
  t.is(JSON.parse(json.stdout.toString()).directory, directory)
  t.deepEqual(readdirSync(directory), [])
  const refused = await sluice(t, ['probe', join(directory, 'none')])
  t.is(refused.exit, 1)
  t.regex(refused.stderr, /^sluice: SLUICE_INVALID_ARGUMENT: there is no directory /)
})

/** A place with a terabyte free. */
const ROOMY = { storageClass: 'nvme', availableBytes: 1e12 } as const

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
    largeCommitMs: times(commitMs * 1.5),
    growingLargeCommitMs: times(commitMs * 1.5),
    directorySyncMs: times(commitMs),
    bytesPerSecond: 2e9,
    zeroFillBytesPerSecond: 1e9,
    ...more,
  }
}

test('on a fast drive every default is right, each with the figure that says so', (t) => {
  const recommendations = recommendationsFrom(drive(0.1), ROOMY)
  t.deepEqual(
    recommendations.map(({ option, value, isDefault }) => [option, value, isDefault]),
    [
      ['flush', "'batch'", true],
      ['batch.maxDelayMs', '0', true],
      ['batch.maxBytes', '8 * 1024 * 1024', true],
      ['segmentBytes', '64 * 1024 * 1024', true],
      ['preparedSegments', '0', true],
    ],
  )
  t.deepEqual(
    recommendations.map(({ reason }) => /100 µs|50.0 µs|2000 MB\/s|1000 MB\/s|150 µs/.exec(reason)?.[0]),
    ['100 µs', '50.0 µs', '2000 MB/s', '1000 MB/s', '150 µs'],
  )
})

test('where a sync is slow, batches wait for company', (t) => {
  const [, delay] = recommendationsFrom(drive(12), ROOMY)
  t.like(delay, { option: 'batch.maxDelayMs', value: "'adaptive'", isDefault: false })
  t.regex(delay?.reason ?? '', /6.00 ms/)
})

test('where little goes in a second, batches and segments are smaller, down to 1 MiB', (t) => {
  const values = (bytesPerSecond: number) =>
    recommendationsFrom(drive(12, { bytesPerSecond, zeroFillBytesPerSecond: bytesPerSecond }), ROOMY)
      .slice(2, 4)
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

test('where large commits take longer in a file that grows, a second of them is prepared, up to a gigabyte', (t) => {
  const prepared = (zeroedMs: number, growingMs: number, more: Partial<StorageMeasurement> = {}) =>
    recommendationsFrom(
      drive(0.1, { largeCommitMs: times(zeroedMs), growingLargeCommitMs: times(growingMs), ...more }),
      ROOMY,
    ).find(({ option }) => option === 'preparedSegments')
  // 128 KiB in 4 ms are 31.25 MiB a second: half of a segment, and 15.6 of those of 2 MiB.
  t.like(prepared(4, 5), { value: '1', isDefault: false })
  t.regex(prepared(4, 5)?.reason ?? '', /5.00 ms where .* grow, and 4.00 ms .*64 MiB of room/)
  t.like(prepared(4, 5, { zeroFillBytesPerSecond: 1.1 * 1024 * 1024 }), { value: '16', isDefault: false })
  t.like(prepared(0.8, 1), { value: '3', isDefault: false })
  t.like(prepared(0.1, 0.2), { value: '16', isDefault: false })
  t.like(prepared(4, 4.99), { value: '0', isDefault: true })
})

test('nothing is prepared in memory, and no more than a quarter of what is free', (t) => {
  const measured = drive(0.1, { largeCommitMs: times(0.1), growingLargeCommitMs: times(0.2) })
  const prepared = (place: Partial<Surroundings>) =>
    recommendationsFrom(measured, { ...ROOMY, ...place }).find(({ option }) => option === 'preparedSegments')
  const memory = prepared({ storageClass: 'memory' })
  t.like(memory, { value: '0', isDefault: true })
  t.regex(memory?.reason ?? '', /in memory/)
  const mib = 1024 * 1024
  t.like(prepared({ availableBytes: 1024 * mib }), { value: '4', isDefault: false })
  t.regex(prepared({ availableBytes: 1024 * mib })?.reason ?? '', /256 MiB of room/)
  const cramped = prepared({ availableBytes: 255 * mib })
  t.like(cramped, { value: '0', isDefault: true })
  t.regex(cramped?.reason ?? '', /only 255 MiB are free/)
})

test('commits faster than the storage can be are doubted', (t) => {
  t.is(doubtAbout(drive(0.1), 'nvme'), undefined)
  t.is(doubtAbout(drive(0.1), 'unknown'), undefined)
  t.regex(doubtAbout(drive(0.004), 'ssd') ?? '', /4.00 µs, less than any drive needs/)
  t.is(doubtAbout(drive(9), 'disk'), undefined)
  t.regex(doubtAbout(drive(0.2), 'disk') ?? '', /200 µs, less than a platter/)
  t.regex(doubtAbout(drive(9), 'memory') ?? '', /nothing there survives a power cut/)
})

const MOUNTINFO = `21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
22 21 0:20 / /tmp rw - tmpfs tmpfs rw,size=1g
23 21 259:1 / /data rw master:2 propagate_from:3 - xfs /dev/nvme0n1p1 rw
24 23 254:0 / /data/with\\040space rw - ext4 /dev/vda rw
25 21 0:44 / /share rw - nfs4 server:/export rw
26 21 0:50 / /merged rw - overlay overlay rw,lowerdir=a
27 21 8:17 / /over rw - ext4 /dev/sdb1 rw
28 27 259:1 / /over rw - xfs /dev/nvme0n1p1 rw
not a line
`

/** A machine's `proc` and `sys`, as far as they are looked at. */
function machine(t: ExecutionContext): string {
  const root = temporaryDirectory(t)
  const block = (numbers: string, path: string, { rotational = '', isPartition = false } = {}) => {
    const device = join(root, 'sys/devices', path)
    mkdirSync(join(device, 'queue'), { recursive: true })
    if (rotational !== '') writeFileSync(join(device, 'queue/rotational'), `${rotational}\n`)
    if (isPartition) writeFileSync(join(device, 'partition'), '1\n')
    mkdirSync(join(root, 'sys/dev/block'), { recursive: true })
    symlinkSync(device, join(root, 'sys/dev/block', numbers))
  }
  mkdirSync(join(root, 'proc/self'), { recursive: true })
  writeFileSync(join(root, 'proc/self/mountinfo'), MOUNTINFO)
  block('8:0', 'sda', { rotational: '1' })
  block('8:2', 'sda/sda2', { isPartition: true })
  block('8:16', 'sdb', { rotational: '0' })
  block('8:17', 'sdb/sdb1', { isPartition: true })
  block('259:1', 'nvme0n1/nvme0n1p1', { isPartition: true })
  block('254:0', 'vda', { rotational: '1' })
  return root
}

test('a path lies on the mount with the longest place, and of several there on the last', (t) => {
  const mounts = parseMounts(MOUNTINFO)
  t.is(mounts.length, 8)
  const sourceOf = (path: string) => mountOf(path, mounts)?.source
  t.is(sourceOf('/'), '/dev/sda2')
  t.is(sourceOf('/database'), '/dev/sda2', 'not on /data')
  t.is(sourceOf('/data'), '/dev/nvme0n1p1')
  t.is(sourceOf('/data/with space/log'), '/dev/vda')
  t.is(sourceOf('/over/x'), '/dev/nvme0n1p1')
  t.is(mountOf('/x', []), undefined)
})

test('the class of storage is told by the file system, the disk’s name, or whether it turns', (t) => {
  const root = machine(t)
  // Only mounts of folders that are there on this machine too can be asked for: the path is looked up.
  t.deepEqual(storagePlace('/', root), { fileSystem: 'ext4', device: '/dev/sda2', storageClass: 'disk' })
  const classAt = (line: string) => {
    writeFileSync(join(root, 'proc/self/mountinfo'), `1 0 ${line}\n`)
    return storagePlace('/', root).storageClass
  }
  t.is(classAt('8:17 / / rw - ext4 /dev/sdb1 rw'), 'ssd')
  t.is(classAt('259:1 / / rw - xfs /dev/nvme0n1p1 rw'), 'nvme')
  t.is(classAt('254:0 / / rw - ext4 /dev/vda rw'), 'virtual')
  t.is(classAt('0:20 / / rw - tmpfs tmpfs rw'), 'memory')
  t.is(classAt('0:44 / / rw - nfs4 server:/export rw'), 'network')
  t.is(classAt('0:50 / / rw - overlay overlay rw'), 'unknown')
  t.is(classAt('7:77 / / rw - ext4 /dev/gone rw'), 'unknown')
})

test('where the system does not tell, nothing is known', (t) => {
  const unknown = { fileSystem: 'unknown', device: undefined, storageClass: 'unknown' } as const
  t.deepEqual(storagePlace('/', temporaryDirectory(t)), unknown)
})
