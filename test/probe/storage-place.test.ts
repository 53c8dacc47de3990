import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { mountOf, parseMounts, storagePlace } from '../../src/probe/storage-place.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

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
