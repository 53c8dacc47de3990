import { SECTOR_BYTES } from './volatile-disk.js'

const MIB = 1024 * 1024

/** A file system that is tried. */
export interface FileSystemKind {
  readonly name: 'ext4' | 'xfs' | 'btrfs'
  readonly make: readonly string[]
  readonly mountOptions: readonly string[]
  /** The smallest that it can be made, about. */
  readonly imageBytes: number
  /**
   * The unit that it trusts the device with. btrfs can't be mounted after its superblock, which takes 4 KiB, was torn, nor
   * xfs always after a block of its metadata was: the file systems' assumption, not the log's.
   */
  readonly tornUnitBytes: number
  /** The Debian package with the program that makes one. */
  readonly debianPackage: string
}

export const FILE_SYSTEM_KINDS: readonly FileSystemKind[] = [
  {
    name: 'ext4',
    make: ['mkfs.ext4', '-q', '-F', '-J', 'size=8'],
    // The default elsewhere is to go on after an error, which leaves an unmountable disk behind as often as not.
    mountOptions: ['errors=remount-ro'],
    imageBytes: 192 * MIB,
    tornUnitBytes: SECTOR_BYTES,
    debianPackage: 'e2fsprogs',
  },
  {
    name: 'xfs',
    make: ['mkfs.xfs', '-q', '-f'],
    mountOptions: [],
    imageBytes: 300 * MIB,
    tornUnitBytes: 4096,
    debianPackage: 'xfsprogs',
  },
  {
    name: 'btrfs',
    make: ['mkfs.btrfs', '-q', '-f'],
    mountOptions: [],
    imageBytes: 256 * MIB,
    tornUnitBytes: 4096,
    debianPackage: 'btrfs-progs',
  },
]
