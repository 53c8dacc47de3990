import { join } from 'node:path'
import { SluiceError } from '../errors.js'
import { segmentFileName } from '../format/file-names.js'
import {
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  type SegmentHeaderResult,
} from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import { readFully } from '../fs/transfer.js'

/** What is read of a header's block: all of it that says something. */
export const SEGMENT_HEAD_BYTES = 128

/** A segment as its name and its header tell it. */
export interface SegmentHead {
  readonly name: string
  /** As the name tells it. */
  readonly firstLsn: number
  readonly fileBytes: number
  readonly result: SegmentHeaderResult
}

/** A segment whose header is valid, and agrees with its name and with the log. */
export interface SoundHead {
  readonly name: string
  readonly firstLsn: number
  readonly fileBytes: number
  readonly header: SegmentHeader
}

/** Reads a segment's header, whatever state it is in. Throws the system's error as it is. */
export function readSegmentHead(fs: FileSystem, directory: string, firstLsn: number): SegmentHead {
  const name = segmentFileName(firstLsn)
  const fd = fs.openSync(join(directory, name), 'read')
  try {
    const fileBytes = fs.sizeSync(fd)
    const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES)
    const result = readSegmentHeader(bytes.subarray(0, readFully(fs, fd, bytes, 0, bytes.length, 0)))
    if (result.kind === 'valid' && fileBytes < SEGMENT_HEADER_BYTES) {
      return { name, firstLsn, fileBytes, result: { kind: 'invalid', reason: `the file ends in its header` } }
    }
    return { name, firstLsn, fileBytes, result }
  } finally {
    fs.closeSync(fd)
  }
}

/** The head, where the header is valid and agrees with its name and the log's id, if that is known; otherwise why not. */
export function soundHead(head: SegmentHead, logId: Buffer | undefined): SoundHead | { readonly reason: string } {
  const { name, firstLsn, fileBytes, result } = head
  if (result.kind === 'unsupported') return { reason: `its format version ${result.version} is newer` }
  if (result.kind === 'invalid') return { reason: `its header is damaged: ${result.reason}` }
  const { header } = result
  if (logId !== undefined && !header.logId.equals(logId)) {
    return { reason: `it belongs to another log, ${header.logId.toString('hex')}, not to ${logId.toString('hex')}` }
  }
  if (header.firstLsn !== firstLsn) return { reason: `its header says that it begins with LSN ${header.firstLsn}` }
  return { name, firstLsn, fileBytes, header }
}

/** The refusal of a segment that a newer version wrote. */
export function unsupportedSegment(name: string, version: number): SluiceError {
  const message = `segment ${name} has format version ${version}, written by a newer sluice`
  return new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message, { segment: name, offset: 0 })
}
