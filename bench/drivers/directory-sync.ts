import { closeSync, fsyncSync, openSync } from 'node:fs'

/**
 * Makes the names in a folder durable. Drivers of peers that never do so call it once their files are there, before the
 * clock starts: a careful user would, too.
 */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
