import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { systemCode } from '../errors.js'
import { allocatePages, PAGE_BYTES } from './pages.js'

/** Only Linux says it at opening; elsewhere there is no such flag, or Node does not have it. */
const O_DIRECT: number | undefined = constants.O_DIRECT

/**
 * Opens a file once more so that writes bypass the page cache (`O_DIRECT`, open(2)), and tries whether that works: not
 * every file system can, and some only say so at the first transfer. Returns the new descriptor, and `fd` is closed; or
 * `fd` where it can't be done. A file that is empty is so afterwards.
 */
export function openedDirectly(fd: number, path: string, isEmpty: boolean): number {
  if (O_DIRECT === undefined) return fd
  const { memory, aligned } = allocatePages(PAGE_BYTES)
  if (!aligned) return fd
  let direct: number
  try {
    direct = openSync(path, constants.O_RDWR | O_DIRECT)
  } catch {
    return fd // Whatever it was: the descriptor that there is works.
  }
  try {
    // Reading nothing succeeds whatever the memory's place is: so an empty file has to be written to.
    if (isEmpty) {
      writeSync(direct, memory, 0, PAGE_BYTES, 0)
      ftruncateSync(direct, 0)
    } else {
      readSync(direct, memory, 0, PAGE_BYTES, 0)
    }
  } catch (error) {
    closeSync(direct)
    if (isEmpty) ftruncateSync(fd, 0)
    if (systemCode(error) === 'EINVAL') return fd
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return direct
}
