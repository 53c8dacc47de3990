import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { systemCode } from '../errors.js'
import { allocatePages, areAllPagesAligned, PAGE_BYTES } from './pages.js'

/** Elsewhere than on Linux there is no such flag, or Node does not have it. */
const O_DIRECT: number | undefined = constants.O_DIRECT

/** By device: whether transfers past the cache work there. */
const works = new Map<number, boolean>()

/**
 * Opens a file once more so that transfers bypass the page cache (`O_DIRECT`, open(2)). Not every file system can, and some
 * only say so at the first transfer: so one is tried, once on each device. Returns the new descriptor, and `fd` is closed;
 * or `fd` where it can't be done. On an error `fd` is closed. A file that is empty is so afterwards.
 */
export function openedDirectly(fd: number, path: string): number {
  if (O_DIRECT === undefined || !areAllPagesAligned()) return fd
  const { dev, size } = fstatSync(fd)
  if (works.get(dev) === false) return fd
  let direct: number
  try {
    direct = openSync(path, constants.O_RDWR | O_DIRECT)
  } catch {
    return fd // Whatever it was: the descriptor that there is works.
  }
  try {
    if (!works.has(dev)) works.set(dev, transfers(direct, size === 0))
  } catch (error) {
    closeSync(direct)
    closeSync(fd)
    throw error
  }
  const [kept, other] = works.get(dev) === true ? [direct, fd] : [fd, direct]
  closeSync(other)
  return kept
}

/** Whether files on this device are opened directly, as far as that was tried. */
export function isOpenedDirectly(dev: number): boolean {
  return works.get(dev) === true
}

/** Whether a transfer works. Reading nothing always does, so an empty file has to be written to. */
function transfers(fd: number, isEmpty: boolean): boolean {
  const { memory, aligned } = allocatePages(PAGE_BYTES)
  if (!aligned) return false
  try {
    if (isEmpty) {
      writeSync(fd, memory, 0, PAGE_BYTES, 0)
      ftruncateSync(fd, 0)
    } else {
      readSync(fd, memory, 0, PAGE_BYTES, 0)
    }
    return true
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error
    return false
  }
}
