import type { ErrorRecord } from '../errors.js'
import * as layout from './layout.js'
import { BATCH_CAUSES, type ReportSink, type WriterReport } from './report.js'

const KINDS = ['progress', 'rollback', 'failed', 'trimmed', 'trim-failed', 'closed', 'prepared'] as const

/** The writer's end of the reports: puts them into slots of shared memory, so that nothing is cloned on the way. */
export class ReportSender implements ReportSink {
  readonly #words: Int32Array
  readonly #slots: Float64Array
  readonly #control: SharedArrayBuffer
  readonly #notify: () => void

  /** `notify` sends the message that makes the other thread look; it is called once for all reports not yet seen. */
  constructor(memory: layout.RingMemory, notify: () => void) {
    this.#control = memory.control
    this.#words = new Int32Array(memory.control, 0, layout.WORDS)
    this.#slots = new Float64Array(memory.control, layout.REPORT_SLOTS_AT, layout.REPORT_SLOTS * layout.REPORT_FIELDS)
    this.#notify = notify
  }

  /** Sends the message of a report that is yet to come: whoever gets it looks for it again and again, for a moment. */
  foretell(): void {
    Atomics.store(this.#words, layout.FORETOLD, 1)
    this.#tell()
  }

  /** Posts a report. Blocks while all slots are full: the coordinator's thread is then far behind. */
  send(report: WriterReport): void {
    const posted = Atomics.load(this.#words, layout.REPORTS)
    for (;;) {
      const read = this.#reportsRead()
      if (((posted - read) | 0) < layout.REPORT_SLOTS) break
      Atomics.wait(this.#words, layout.REPORTS_READ, read)
    }
    const at = (posted & (layout.REPORT_SLOTS - 1)) * layout.REPORT_FIELDS
    this.#slots[at] = KINDS.indexOf(report.kind)
    this.#slots.set(this.#fields(report), at + 1)
    Atomics.store(this.#words, layout.REPORTS, (posted + 1) | 0)
    Atomics.store(this.#words, layout.FORETOLD, 0)
    this.#tell()
  }

  #tell(): void {
    if (Atomics.exchange(this.#words, layout.NOTIFIED, 1) === 0) this.#notify()
  }

  #reportsRead(): number {
    return Atomics.load(this.#words, layout.REPORTS_READ)
  }

  #fields(report: WriterReport): number[] {
    switch (report.kind) {
      case 'progress':
        return [
          report.writtenLsn,
          report.durableLsn,
          report.batchRecords,
          report.batchBytes,
          BATCH_CAUSES.indexOf(report.cause),
          report.waitMs,
          report.writeMs,
          report.syncMs,
          report.syncs,
          report.sealSyncMs,
          report.sealSyncs,
          report.directorySyncMs,
          report.directorySyncs,
          report.segmentFirstLsn,
          report.batchOffset,
        ]
      case 'rollback':
        this.#putError(report.error)
        return [report.lsn]
      case 'failed':
        this.#putError(report.error)
        return [report.writtenLsn, report.durableLsn]
      case 'trimmed':
        return [report.firstLsn]
      case 'trim-failed':
        this.#putError(report.error)
        return [report.firstLsn]
      case 'closed':
        return [report.durableLsn]
      case 'prepared':
        return [report.bytes, Number(report.settled)]
    }
  }

  #putError(error: ErrorRecord): void {
    // There is one place for an error's text: an earlier one must have been read.
    const posted = Atomics.load(this.#words, layout.REPORTS)
    for (let read = this.#reportsRead(); read !== posted; read = this.#reportsRead()) {
      Atomics.wait(this.#words, layout.REPORTS_READ, read)
    }
    const text = Buffer.from(this.#control, layout.ERROR_AT + 4, layout.ERROR_BYTES)
    const length = text.write(fittingJson(error))
    Buffer.from(this.#control, layout.ERROR_AT, 4).writeUInt32LE(length, 0)
  }
}

/** An error as JSON that fits: without its causes where it must be, and at last without what could be of any length. */
function fittingJson(error: ErrorRecord): string {
  const { cause: _, ...outermost } = error
  const { name, code, errno, syscall } = error
  const least = { name, message: 'the error was too long to be passed on', code, errno, syscall }
  const forms = [error, outermost].map((form) => JSON.stringify(form))
  return forms.find((json) => Buffer.byteLength(json) <= layout.ERROR_BYTES) ?? JSON.stringify(least)
}

/** The coordinator's end of the reports. */
export class ReportReceiver {
  readonly #words: Int32Array
  readonly #slots: Float64Array
  readonly #control: SharedArrayBuffer

  constructor(memory: layout.RingMemory) {
    this.#control = memory.control
    this.#words = new Int32Array(memory.control, 0, layout.WORDS)
    this.#slots = new Float64Array(memory.control, layout.REPORT_SLOTS_AT, layout.REPORT_SLOTS * layout.REPORT_FIELDS)
  }

  /** Whether a report was foretold, and none has come since. No message tells of it until {@link drain} is called. */
  get isForetold(): boolean {
    return Atomics.load(this.#words, layout.FORETOLD) === 1 && !this.#hasReports
  }

  get #hasReports(): boolean {
    return Atomics.load(this.#words, layout.REPORTS) !== Atomics.load(this.#words, layout.REPORTS_READ)
  }

  /** Hands every report that is there to `receive`, in order. */
  drain(receive: (report: WriterReport) => void): void {
    // Before the slots are looked at: a report that comes after the look then sends a message of its own.
    Atomics.store(this.#words, layout.NOTIFIED, 0)
    let read = Atomics.load(this.#words, layout.REPORTS_READ)
    while (((Atomics.load(this.#words, layout.REPORTS) - read) | 0) > 0) {
      const report = this.#read((read & (layout.REPORT_SLOTS - 1)) * layout.REPORT_FIELDS)
      read = (read + 1) | 0
      Atomics.store(this.#words, layout.REPORTS_READ, read)
      Atomics.notify(this.#words, layout.REPORTS_READ)
      receive(report)
    }
  }

  #read(at: number): WriterReport {
    const field = (index: number): number => this.#slots[at + index] ?? Number.NaN
    const kind = KINDS[field(0)]
    switch (kind) {
      case 'progress':
        return {
          kind,
          writtenLsn: field(1),
          durableLsn: field(2),
          batchRecords: field(3),
          batchBytes: field(4),
          cause: BATCH_CAUSES[field(5)] ?? 'idle',
          waitMs: field(6),
          writeMs: field(7),
          syncMs: field(8),
          syncs: field(9),
          sealSyncMs: field(10),
          sealSyncs: field(11),
          directorySyncMs: field(12),
          directorySyncs: field(13),
          segmentFirstLsn: field(14),
          batchOffset: field(15),
        }
      case 'rollback':
        return { kind, lsn: field(1), error: this.#error() }
      case 'failed':
        return { kind, writtenLsn: field(1), durableLsn: field(2), error: this.#error() }
      case 'trimmed':
        return { kind, firstLsn: field(1) }
      case 'trim-failed':
        return { kind, firstLsn: field(1), error: this.#error() }
      case 'closed':
        return { kind, durableLsn: field(1) }
      case 'prepared':
        return { kind, bytes: field(1), settled: field(2) === 1 }
      default:
        throw new Error(`report of unknown kind ${field(0)}`)
    }
  }

  #error(): ErrorRecord {
    const length = Buffer.from(this.#control, layout.ERROR_AT, 4).readUInt32LE(0)
    const text = Buffer.from(this.#control, layout.ERROR_AT + 4, Math.min(length, layout.ERROR_BYTES)).toString()
    return JSON.parse(text) as ErrorRecord // Written by ReportSender alone.
  }
}
