import { FRAME_HEADER_BYTES } from '../../../src/format/frame.js'
import type { LogRecord } from '../../../src/log/contract.js'
import type { SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY } from '../simulated-log.js'
import { type Found, Violation } from './model.js'
import type { Subject } from './subject.js'

const WINDOW_BYTES = 64 * 1024

/** Makes the folders of the log, as claiming it would. */
export function makeFolders(fileSystem: SimulatedFileSystem): void {
  fileSystem.makeDirectorySync('/data')
  fileSystem.syncDirectorySync('/')
  fileSystem.makeDirectorySync(DIRECTORY)
  fileSystem.syncDirectorySync('/data')
}

/**
 * Recovers the log, and reads what is there then with its own scanner: a tenth of what it costs to open the log. Throws a
 * {@link Violation} where recovery refuses, but for a file system that has stopped.
 */
export function recoverAndRead(subject: Subject, fileSystem: SimulatedFileSystem): Found {
  makeFolders(fileSystem)
  const { segments, firstLsn, lastLsn } = recoverOrViolate(subject, fileSystem)
  const reading = new Reading(subject, fileSystem, firstLsn)
  for (const segment of segments) reading.readSegment(segment)
  if (reading.nextLsn !== lastLsn + 1) {
    throw new Violation(`recovery found up to ${lastLsn}, and there is up to ${reading.nextLsn - 1}`)
  }
  return { firstLsn, records: reading.records, timestamps: reading.timestamps }
}

function recoverOrViolate({ recover }: Subject, fileSystem: SimulatedFileSystem): ReturnType<Subject['recover']> {
  try {
    return recover(fileSystem, DIRECTORY)
  } catch (error) {
    if (fileSystem.stoppedAt !== undefined) throw error
    throw new Violation(`recovery refuses: ${String(error)}`, { cause: error })
  }
}

class Reading {
  readonly records: Buffer[] = []
  readonly timestamps: number[] = []
  nextLsn: number
  readonly #subject: Subject
  readonly #fileSystem: SimulatedFileSystem
  readonly #window: InstanceType<Subject['FileWindow']>
  readonly #nonces = new Set<string>()
  #timestampMs = 0

  constructor(subject: Subject, fileSystem: SimulatedFileSystem, firstLsn: number) {
    this.#subject = subject
    this.#fileSystem = fileSystem
    this.#window = new subject.FileWindow(fileSystem, WINDOW_BYTES)
    this.nextLsn = firstLsn
  }

  readSegment(firstLsn: number): void {
    const { readSegmentHead, scanSegment } = this.#subject
    const { name, result } = readSegmentHead(this.#fileSystem, DIRECTORY, firstLsn)
    if (result.kind !== 'valid') throw new Violation(`${name} has no valid header`)
    const { header } = result
    const nonce = header.nonce.toString('hex')
    if (this.#nonces.has(nonce)) throw new Violation(`${name} has the nonce of another segment`)
    this.#nonces.add(nonce)
    scanSegment(this.#fileSystem, DIRECTORY, { name, header }, this.#window, {
      onFrame: (frame) => this.#take(frame.header, frame.at + FRAME_HEADER_BYTES),
    })
  }

  #take(header: { firstLsn: number; lastLsn: number } & Record<Numbers, number>, bodyAt: number): void {
    const { firstLsn, lastLsn, timestampMs, bodyBytes, recordCount } = header
    if (firstLsn !== this.nextLsn) throw new Violation(`LSN ${firstLsn} lies where ${this.nextLsn} is due`)
    if (timestampMs < this.#timestampMs) throw new Violation(`time goes back at LSN ${firstLsn}`)
    // A copy: the window is read into again.
    const body = Buffer.from(this.#window.buffer.subarray(bodyAt, bodyAt + bodyBytes))
    const records = this.#subject.splitBody(body, recordCount)
    if (records === undefined) throw new Violation(`the records of the frame of LSN ${firstLsn} don’t add up`)
    for (const record of records) {
      this.records.push(record)
      this.timestamps.push(timestampMs)
    }
    this.#timestampMs = timestampMs
    this.nextLsn = lastLsn + 1
  }
}

type Numbers = 'timestampMs' | 'bodyBytes' | 'recordCount'

/** Reads all that a log gives. */
export async function readAll(log: {
  readonly read: () => AsyncIterable<LogRecord>
  readonly firstLsn: number
}): Promise<Found> {
  const { firstLsn } = log
  const records: Buffer[] = []
  const timestamps: number[] = []
  for await (const { lsn, data, timestamp } of log.read()) {
    if (lsn !== firstLsn + records.length) throw new Violation(`LSN ${lsn} was read for ${firstLsn + records.length}`)
    records.push(data)
    timestamps.push(timestamp)
  }
  return { firstLsn, records, timestamps }
}

/** Throws a {@link Violation} where these are not the same records. */
export function sameRecords(found: Found, expected: Found, when: string): void {
  const range = ({ firstLsn, records }: Found): string => `${firstLsn} to ${firstLsn + records.length - 1}`
  if (range(found) !== range(expected)) {
    throw new Violation(`${when} there is ${range(found)}, where ${range(expected)} was`)
  }
  for (const [index, data] of expected.records.entries()) {
    if (found.records[index]?.equals(data) !== true) {
      throw new Violation(`${when} LSN ${expected.firstLsn + index} is not what it was`)
    }
    const [timestamp, before] = [found.timestamps[index], expected.timestamps[index]]
    if (before !== undefined && timestamp !== before) {
      throw new Violation(`${when} LSN ${expected.firstLsn + index} is of ${timestamp}, not of ${before}`)
    }
  }
}
