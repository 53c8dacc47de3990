import { missingTool } from './tools.js'

/** Why {@link onSmallDisk} does nothing here; `undefined` where it works. */
export function missingSmallDisk(): string | undefined {
  return missingTool('unshare', '--mount', 'sh', '-c', 'mount -t tmpfs sluice /mnt')
}

/**
 * What is put before a command so that it finds a disk of this size, as `mount` takes it, on a folder. It is mounted for that
 * command alone: nothing is left of it when that has ended.
 */
export function onSmallDisk(directory: string, size: string): string[] {
  return [
    'unshare',
    '--mount',
    'sh',
    '-c',
    `mount -t tmpfs -o size=${size} sluice "$1" && shift && exec "$@"`,
    'sh',
    directory,
  ]
}
