import { shown } from '../errors.js'
import type { FileAccess } from '../fs/file-system.js'
import { systemError } from '../fs/system-error.js'
import { SECTOR_BYTES } from './simulated-file.js'

/** The part of a buffer that a call is about. Throws as Node's `fs` does where there is no such part. */
export function part(buffer: Uint8Array, offset: number, length: number, position: number): Uint8Array {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > buffer.length) throw outOfRange('offset', offset)
  if (!Number.isSafeInteger(length) || length < 0 || length > buffer.length - offset) throw outOfRange('length', length)
  if (!Number.isSafeInteger(position) || position < 0) throw outOfRange('position', position)
  return buffer.subarray(offset, offset + length)
}

/** How many of the bytes a short transfer does: with direct access whole sectors, and one at least. */
export function granted(bytes: number, short: number | undefined, access: FileAccess): number {
  if (short === undefined || short >= bytes) return bytes
  return access === 'direct' && short > 0 ? Math.max(SECTOR_BYTES, short - (short % SECTOR_BYTES)) : short
}

/** Direct access is refused where it isn't in whole sectors, as a disk would. */
export function checkSectors(data: Uint8Array, position: number, syscall: string): void {
  if ((data.length | position | data.byteOffset) % SECTOR_BYTES !== 0) throw systemError('EINVAL', syscall)
}

export function outOfRange(name: string, value: number): Error {
  const error = new RangeError(`The value of "${name}" is out of range. Received ${shown(value)}`)
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
