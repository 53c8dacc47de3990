import { SluiceError, type SluiceErrorCode } from '../../../src/errors.js'
import type { FileSystem } from '../../../src/fs/file-system.js'
import type { Log, LogOptions, LogRecord } from '../../../src/log/contract.js'
import { openLogReader } from '../../../src/log/log-reader.js'
import { repairLog, verifyLog } from '../../../src/log/maintenance.js'
import { openLog } from '../../../src/log/open-log.js'
import type { AckLevel } from '../../../src/options.js'
import type { SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY, turn } from '../simulated-log.js'

/** More turns of the event loop than anything takes that isn't stuck. */
const TURNS_MAX = 2000

/** The codes that each call may fail with where the system does: as the docstrings say. */
const CODES = {
  open: ['SLUICE_LOCK_UNAVAILABLE', 'SLUICE_DISK_FULL', 'SLUICE_IO'],
  append: ['SLUICE_FAILED', 'SLUICE_CLOSED', 'SLUICE_DISK_FULL', 'SLUICE_COMMIT_FAILED'],
  flush: ['SLUICE_FAILED', 'SLUICE_CLOSED', 'SLUICE_DISK_FULL', 'SLUICE_COMMIT_FAILED'],
  trim: ['SLUICE_FAILED', 'SLUICE_CLOSED', 'SLUICE_DISK_FULL', 'SLUICE_IO'],
  read: ['SLUICE_TRIMMED', 'SLUICE_IO'],
  follow: ['SLUICE_TRIMMED', 'SLUICE_IO', 'SLUICE_FAILED'],
  close: ['SLUICE_FAILED', 'SLUICE_DISK_FULL'],
  'open a reader': ['SLUICE_IO'],
  verify: ['SLUICE_IO'],
  repair: ['SLUICE_LOCK_UNAVAILABLE', 'SLUICE_DISK_FULL', 'SLUICE_IO'],
} as const satisfies Record<string, readonly SluiceErrorCode[]>

type Doing = keyof typeof CODES

/** Records that were given to one append, and what became of them. */
export interface Told {
  readonly firstLsn: number
  readonly texts: readonly string[]
  readonly ack: AckLevel
  outcome: 'pending' | 'acknowledged' | 'not-written' | 'indeterminate'
}

/** A power cut right after an acknowledgement, and what must be there then. */
export interface Snapshot {
  readonly fileSystem: SimulatedFileSystem
  readonly durable: readonly Told[]
}

/** What lies on a disk when a run begins. */
export interface Beginning {
  readonly fileSystem: SimulatedFileSystem
  readonly told: readonly Told[]
  /** Whether the log there has to be repaired before it can be opened. */
  readonly damaged?: boolean
  /** What is put between the log and the disk, to spoil what the log does. */
  readonly through?: (fileSystem: SimulatedFileSystem) => FileSystem
}

/** What a run asked of a log, what it was told, and what of that breaks the contract. */
export class Story {
  readonly fileSystem: SimulatedFileSystem
  readonly told: Told[]
  readonly damaged: boolean
  readonly problems: string[] = []
  /** The highest LSN below which it asked to trim. */
  trimmedTo = 1
  snapshot: Snapshot | undefined
  /** Codes of the errors that it was told, each once. */
  readonly codes = new Set<string>()
  readonly #pending = new Set<string>()
  /** From this call on an acknowledgement is worth a power cut: the first one after the fault. */
  readonly #faultyCall: number
  /** The file system as the log is given it. */
  readonly #given: FileSystem
  #count: number

  constructor({ fileSystem, told, damaged = false, through }: Beginning, faultyCall = Number.POSITIVE_INFINITY) {
    this.fileSystem = fileSystem
    this.#given = through?.(fileSystem) ?? fileSystem
    this.told = [...told]
    this.damaged = damaged
    this.#faultyCall = faultyCall
    // No text comes twice.
    this.#count = told.length * 1000
  }

  open(options: LogOptions): Promise<Log | undefined> {
    return this.#settled('open', openLog(DIRECTORY, { ...options, fileSystem: this.#given }))
  }

  /** Gives records of their own to an append; it isn't waited for. */
  append(log: Log, ack: AckLevel, bytes = 20): void {
    const text = this.#text(bytes)
    const told = this.#tell(log, [text], ack)
    this.#watchAppend(told, log.append(text, { ack }))
  }

  appendMany(log: Log, ack: AckLevel, count: number): void {
    const texts = Array.from({ length: count }, () => this.#text(20))
    const told = this.#tell(log, texts, ack)
    this.#watchAppend(
      told,
      log.appendMany(texts, { ack }).then(({ first }) => first),
    )
  }

  /** Makes all that was appended durable, and waits until each append has been told what became of it. */
  async flush(log: Log): Promise<void> {
    const lastLsn = log.nextLsn - 1
    const durableLsn = await this.#settled('flush', log.flush())
    if (durableLsn === undefined) return
    if (durableLsn < lastLsn) this.problems.push(`flush() resolved to ${durableLsn}, though ${lastLsn} was accepted`)
    await this.settle()
  }

  /** Waits until each append has been told what became of it. */
  async settle(): Promise<void> {
    await until(() => this.told.every(({ outcome }) => outcome !== 'pending'))
  }

  async trim(log: Log, beforeLsn: number): Promise<void> {
    this.trimmedTo = Math.max(this.trimmedTo, beforeLsn)
    await this.#settled('trim', log.trim(beforeLsn))
  }

  async readAll(log: Pick<Log, 'read' | 'firstLsn'>): Promise<void> {
    await this.#settled('read', this.#read(log.read()))
  }

  async get(log: Pick<Log, 'get'>, lsn: number): Promise<void> {
    const record = await this.#settled('read', log.get(lsn))
    if (record !== undefined) this.#checkRecord(record)
  }

  /** Follows until the log is closed; it isn't waited for. */
  follow(log: Log): void {
    void this.#settled('follow', this.#read(log.follow()))
  }

  async readBeside(): Promise<void> {
    const reader = await this.#settled('open a reader', openLogReader(DIRECTORY, { fileSystem: this.#given }))
    if (reader === undefined) return
    await this.readAll(reader)
    await this.#settled('read', reader.close())
  }

  async close(log: Log): Promise<void> {
    await this.#settled('close', log.close())
    if (log.status !== 'closed') this.problems.push(`after close() the log is ${log.status}`)
    await this.settle()
  }

  async verify(): Promise<void> {
    await this.#settled('verify', verifyLog(DIRECTORY, { fileSystem: this.#given }))
  }

  /** Resolves to whether it is repaired. */
  async repair(): Promise<boolean> {
    const report = await this.#settled('repair', repairLog(DIRECTORY, { fileSystem: this.#given }))
    return report !== undefined
  }

  /** Once nothing is to come any more: what never came is a problem. */
  async end(): Promise<void> {
    await until(() => this.#pending.size === 0)
    for (const name of this.#pending) this.problems.push(`${name} is pending for ever`)
  }

  #text(bytes: number): string {
    return `${this.#count++};`.padEnd(bytes, '.')
  }

  #tell(log: Log, texts: readonly string[], ack: AckLevel): Told {
    const told: Told = { firstLsn: log.nextLsn, texts, ack, outcome: 'pending' }
    this.told.push(told)
    return told
  }

  #watchAppend(told: Told, promise: Promise<number>): void {
    void this.#settled('append', promise, (error) => {
      told.outcome = outcomeOf(error)
    }).then((lsn) => {
      if (lsn === undefined) return
      told.outcome = 'acknowledged'
      if (lsn !== told.firstLsn) this.problems.push(`LSN ${told.firstLsn} was acknowledged as ${lsn}`)
      if (told.ack === 'durable' && this.fileSystem.calls.length > this.#faultyCall) this.#takeSnapshot()
    })
  }

  #takeSnapshot(): void {
    if (this.snapshot !== undefined) return
    const durable = this.told.filter(({ ack, outcome }) => ack === 'durable' && outcome === 'acknowledged')
    this.snapshot = { fileSystem: this.fileSystem.stateAfterCrash({ keep: 'none' }), durable }
  }

  async #read(records: AsyncIterable<LogRecord>): Promise<void> {
    let before: number | undefined
    for await (const record of records) {
      if (before !== undefined && record.lsn !== before + 1) this.problems.push(`read ${record.lsn} after ${before}`)
      before = record.lsn
      this.#checkRecord(record)
    }
  }

  #checkRecord({ lsn, data }: LogRecord): void {
    const text = data.toString()
    if (!this.told.some(({ firstLsn, texts }) => texts[lsn - firstLsn] === text)) {
      this.problems.push(`LSN ${lsn} reads as what nobody appended there: ${text.slice(0, 20)}`)
    }
  }

  /** Waits for a call; resolves to `undefined` where it failed, which it may with the codes of its kind alone. */
  async #settled<Value>(
    doing: Doing,
    promise: Promise<Value>,
    failed: (error: unknown) => void = () => {},
  ): Promise<Value | undefined> {
    const name = `${doing} ${this.#count++}`
    this.#pending.add(name)
    let value: Value | undefined
    promise
      .then(
        (given) => {
          value = given
        },
        (error: unknown) => {
          failed(error)
          this.#checkError(doing, error)
        },
      )
      .finally(() => this.#pending.delete(name))
    await until(() => !this.#pending.has(name))
    return value
  }

  #checkError(doing: Doing, error: unknown): void {
    if (!(error instanceof SluiceError)) {
      this.problems.push(`${doing} failed with what is no SluiceError: ${String(error)}`)
      return
    }
    const allowed: readonly string[] = CODES[doing]
    this.codes.add(error.code)
    if (this.damaged && doing === 'open' && error.code === 'SLUICE_CORRUPT') return
    if (!allowed.includes(error.code)) this.problems.push(`${doing} failed with ${error.code}: ${error.message}`)
    const isCommit = error.code === 'SLUICE_COMMIT_FAILED' || (error.code === 'SLUICE_DISK_FULL' && doing === 'append')
    if (isCommit && error.outcome === undefined) this.problems.push(`${error.code} of ${doing} has no outcome`)
  }
}

async function until(done: () => boolean): Promise<void> {
  for (let turns = 0; turns < TURNS_MAX && !done(); turns++) await turn()
}

/** What an append is told of its records; one that was refused from the outset has written nothing. */
function outcomeOf(error: unknown): Told['outcome'] {
  const { code, outcome } = error instanceof SluiceError ? error : { code: undefined, outcome: undefined }
  if (code === 'SLUICE_FAILED' || code === 'SLUICE_CLOSED') return 'not-written'
  return outcome ?? 'indeterminate'
}
