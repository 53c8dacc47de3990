import { createReadStream, fstatSync } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'

const FILE_READ_BYTES = 256 * 1024

/** Standard input, until `signal` ends it: then whoever reads it gets an `AbortError`. */
export function standardInput(signal: AbortSignal): Readable {
  const kind = fstatSync(0)
  // Of a file Node would read 64 KiB at a time, which is all that a pipe has to give. A folder it would take for empty.
  const isOnDisk = kind.isFile() || kind.isDirectory()
  const input = isOnDisk ? createReadStream('', { fd: 0, highWaterMark: FILE_READ_BYTES }) : process.stdin
  return addAbortSignal(signal, input)
}
