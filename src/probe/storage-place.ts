import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { StorageClass, StoragePlace } from './storage-report.js'

const UNKNOWN: StoragePlace = { fileSystem: 'unknown', device: undefined, storageClass: 'unknown' }
const NETWORK = new Set([
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'smbfs',
  '9p',
  'ceph',
  'glusterfs',
  'lustre',
  'afs',
  'fuse.sshfs',
])
const MEMORY = new Set(['tmpfs', 'ramfs', 'hugetlbfs'])
/** The kernel's names of the disks that hypervisors offer: virtio, Xen. */
const VIRTUAL = /^(vd|xvd)/

/** One line of /proc/self/mountinfo: see proc(5). */
export interface Mount {
  readonly majorMinor: string
  readonly mountPoint: string
  readonly fileSystem: string
  readonly source: string
}

/** Where a directory lies. On other systems than Linux nothing is known. `root` holds `proc` and `sys`, for tests. */
export function storagePlace(directory: string, root = '/'): StoragePlace {
  let mounts: readonly Mount[]
  try {
    mounts = parseMounts(readFileSync(join(root, 'proc/self/mountinfo'), 'utf8'))
  } catch {
    return UNKNOWN // No such file: not Linux, or no /proc. It is a hint to people, and the measurement needs none.
  }
  const mount = mountOf(realpathSync(directory), mounts)
  if (mount === undefined) return UNKNOWN
  const { fileSystem, source } = mount
  return { fileSystem, device: source.startsWith('/') ? source : undefined, storageClass: classOf(mount, root) }
}

/** Mounts in the order in which they were made. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [, , majorMinor, , mountPoint] = before?.split(' ') ?? []
    const [fileSystem, source] = after?.split(' ') ?? []
    if (majorMinor === undefined || mountPoint === undefined) return []
    if (fileSystem === undefined || source === undefined) return []
    return [{ majorMinor, mountPoint: unescaped(mountPoint), fileSystem, source: unescaped(source) }]
  })
}

/** Of mounts at the same place the last one is seen. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined
  for (const mount of mounts) {
    const { mountPoint } = mount
    const prefix = mountPoint.endsWith('/') ? mountPoint : `${mountPoint}/`
    if (path !== mountPoint && !path.startsWith(prefix)) continue
    if (found === undefined || mountPoint.length >= found.mountPoint.length) found = mount
  }
  return found
}

function classOf({ fileSystem, majorMinor, source }: Mount, root: string): StorageClass {
  if (NETWORK.has(fileSystem)) return 'network'
  if (MEMORY.has(fileSystem)) return 'memory'
  try {
    // A file system over several devices, such as btrfs, has a number of its own: its source is one of them.
    const number = majorMinor.startsWith('0:') ? numberOf(source) : majorMinor
    let device = realpathSync(join(root, 'sys/dev/block', number))
    if (existsSync(join(device, 'partition'))) device = dirname(device)
    const name = basename(device)
    if (name.startsWith('nvme')) return 'nvme'
    if (VIRTUAL.test(name)) return 'virtual'
    return readFileSync(join(device, 'queue/rotational'), 'utf8').trim() === '1' ? 'disk' : 'ssd'
  } catch {
    return 'unknown' // An overlay, a FUSE file system, a container without /sys.
  }
}

function numberOf(device: string): string {
  const { rdev } = statSync(device)
  // As makedev(3) packs them, for the numbers that disks have.
  return `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`
}

/** Spaces, tabs, line ends and backslashes are written in octal there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
