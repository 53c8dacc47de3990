import { readFileSync, realpathSync, statfsSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Where figures were measured: without it they say nothing. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly fileSystem: string
  readonly node: string
}

/** The magic numbers of statfs(2) for file systems that a log may well lie on. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  [0xef53]: 'ext2, ext3 or ext4',
  [0x58465342]: 'xfs',
  [0x9123683e]: 'btrfs',
  [0x2fc12fc1]: 'zfs',
  [0xf2f52010]: 'f2fs',
  [0x794c7630]: 'overlayfs',
  [0x6969]: 'nfs',
  [0x01021994]: 'tmpfs',
}

export function describeMachine(directory: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    fileSystem: fileSystemOf(directory),
    node: process.version,
  }
}

/** Whether a sync costs nothing there, so that nothing measured means anything. */
export function isInMemory(machine: Machine): boolean {
  return machine.fileSystem.startsWith('tmpfs')
}

/** Its type and the options it is mounted with, as Linux tells them; elsewhere what statfs(2) says. */
function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory)
  return mountOf(realpathSync(directory)) ?? FILE_SYSTEMS[type] ?? `type 0x${type.toString(16)}`
}

function mountOf(path: string): string | undefined {
  let best: { point: string; text: string } | undefined
  for (const line of mountLines()) {
    // See proc(5): … mount point, its options, optional fields, a dash, type, source, options of the file system.
    const [before = '', after = ''] = line.split(' - ')
    const [, , , , point, options] = before.split(' ')
    const [type] = after.split(' ')
    if (point === undefined || type === undefined) continue
    const holds = path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`)
    // Of two mounts at one place the later one is on top.
    if (holds && point.length >= (best?.point.length ?? 0)) best = { point, text: `${type} (${options})` }
  }
  return best?.text
}

function mountLines(): readonly string[] {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
