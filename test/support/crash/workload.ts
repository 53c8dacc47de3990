import { join } from 'node:path'
import type { Log } from '../../../src/log/contract.js'
import type { AckLevel } from '../../../src/options.js'
import type { FileSystemCall, SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY, turn } from '../simulated-log.js'
import type { SteppedClock } from '../stepped-clock.js'
import { readAll } from './found-log.js'
import { type Model, Violation } from './model.js'
import { changes, type Operation, type Scenario } from './operation.js'
import { followOn, getAround, type Surroundings } from './readings.js'
import type { Subject } from './subject.js'

/** More than this is never pending, so that no append has to wait for room, and its LSN is known at once. */
const PENDING_BYTES_MAX = 24 * 1024
const SETTLE_TURNS_MAX = 3000
/** What a fault or a full disk may make of opening the log. */
const OPENING_FAILURES = ['SLUICE_IO', 'SLUICE_DISK_FULL', 'SLUICE_LOCK_UNAVAILABLE']

/** What an error of any build says. */
interface ErrorFields {
  readonly code?: string
  readonly outcome?: string
}

/** Is shown each call before it takes effect, with what is known then. */
export type Watcher = (number: number, call: FileSystemCall, fileSystem: SimulatedFileSystem, model: Model) => void

/**
 * Runs a workload, and keeps the model of it. Time stands still but for what the workload lets pass, so that a replay
 * does the same calls.
 */
export class Workload {
  fileSystem: SimulatedFileSystem
  readonly model: Model
  readonly #subject: Subject
  readonly #scenario: Scenario
  readonly #clock: SteppedClock
  readonly #watch: Watcher
  #log: Log | undefined
  #followed: Log | undefined
  /** Of the process that lives now. */
  #pending = new Set<Promise<void>>()
  #pendingBytes = 0
  #violation: Violation | undefined
  #calls = 0
  #done = -1

  constructor(subject: Subject, scenario: Scenario, model: Model, clock: SteppedClock, watch: Watcher) {
    this.#subject = subject
    this.#scenario = scenario
    this.#clock = clock
    this.#watch = watch
    this.model = model
    this.fileSystem = this.#adopt(new subject.SimulatedFileSystem({ seed: scenario.seed }))
  }

  get stopped(): boolean {
    return this.fileSystem.stoppedAt !== undefined
  }

  /** The calls so far, over all that the workload lived through. */
  get calls(): number {
    return this.#calls
  }

  /** The operation that was under way last, counted from 0; -1 while the log is opened first. */
  get operation(): number {
    return this.#done
  }

  /** Does all operations, or what can be done before the world stops. Throws a {@link Violation}. */
  async run(): Promise<void> {
    await this.#open(false)
    for (const operation of this.#scenario.operations) {
      if (this.stopped) break
      this.#done++
      await this.#do(operation)
      this.#check()
    }
    if (this.stopped) await this.#settle()
    this.#check()
  }

  /** Lets go of the log, once the workload was looked at. */
  async end(): Promise<void> {
    this.#pending = new Set()
    const log = this.#log
    this.#log = undefined
    await log?.close().catch(() => {}) // It ends with its file system.
  }

  async #do(operation: Operation): Promise<void> {
    if (this.#log?.status !== 'open') await this.#reopen(false)
    const log = this.#log
    // Where the world stopped while the log was read after opening, the model doesn't know yet what was found.
    if (log === undefined || this.stopped) return
    switch (operation.kind) {
      case 'append':
        return this.#append(log, [payload(operation.id, 0, operation.bytes)], operation.ack, false)
      case 'many': {
        const records = operation.sizes.map((bytes, index) => payload(operation.id, index, bytes))
        return this.#append(log, records, operation.ack, true)
      }
      case 'flush':
        return this.#flush(log)
      case 'trim':
        return this.#trim(log, 1 + Math.floor(((log.nextLsn - 1) * operation.part) / 1000))
      case 'turns':
        for (let turns = 0; turns < operation.count; turns++) await turn()
        return
      case 'settle':
        return this.#settle()
      case 'pass':
        this.#clock.advance(operation.ms)
        return
      case 'read':
        await this.#read(log.read())
        return this.#readOtherwise(log)
      case 'peek':
        return this.#peek()
      case 'fill':
        this.fileSystem.capacityBytes = usedBytes(this.fileSystem) + operation.leftBytes
        return
      case 'room':
        this.fileSystem.capacityBytes = Number.POSITIVE_INFINITY
        return
      case 'fault':
        this.fileSystem.inject(operation.fault)
        return
      case 'close':
        return this.#reopen(false)
      case 'takeover':
        return this.#reopen(true)
      case 'kill':
        return this.#restart(this.fileSystem.killProcess(), false)
      case 'cut':
        return this.#restart(this.fileSystem.crash(operation.crash), true)
    }
  }

  async #append(log: Log, records: readonly Buffer[], ack: AckLevel, many: boolean): Promise<void> {
    const bytes = records.reduce((sum, { length }) => sum + length + 128, 0)
    if (this.#pendingBytes + bytes > PENDING_BYTES_MAX) await this.#settle()
    // Settling can find that the log has failed: then it is opened again before the next operation.
    if (log !== this.#log || log.status !== 'open') return
    const first = log.nextLsn
    const [record = Buffer.alloc(0)] = records
    const appended = many ? log.appendMany(records, { ack }) : log.append(record, { ack })
    appended.catch(() => {}) // What comes of it is looked at below, unless the model finds a violation first.
    if (log.nextLsn !== first + records.length) throw new Error('an append waits for room: the workload is too large')
    this.model.accept(first, records, many)
    this.#pendingBytes += bytes
    const lastLsn = first + records.length - 1
    const told = appended.then(
      (given) => {
        if (this.#log !== log) return
        const lsn = typeof given === 'number' ? given : given.last
        if (lsn !== lastLsn) throw new Violation(`an append up to LSN ${lastLsn} resolved to ${lsn}`)
        this.model.acknowledge(ack, lsn)
      },
      ({ code, outcome }: ErrorFields) => {
        if (this.#log !== log) return
        if (outcome === 'not-written') this.model.notWritten(first, records, code === 'SLUICE_DISK_FULL')
        else if (code !== 'SLUICE_COMMIT_FAILED') throw new Violation(`an append was rejected with ${code}`)
      },
    )
    const done = (): void => {
      if (this.#log === log) this.#pendingBytes -= bytes
    }
    this.#await(log, told.finally(done))
  }

  #flush(log: Log): void {
    const lastLsn = log.nextLsn - 1
    const flushed = log.flush().then(
      (durableLsn) => {
        if (this.#log !== log) return
        if (durableLsn < lastLsn) throw new Violation(`a flush of ${lastLsn} resolved to ${durableLsn}`)
        this.model.durableUpTo(durableLsn)
      },
      () => {}, // The appends are told what became of them.
    )
    this.#await(log, flushed)
  }

  #trim(log: Log, beforeLsn: number): void {
    this.model.trimAsked(beforeLsn)
    const trimmed = log.trim(beforeLsn).then(
      () => {
        if (this.#log === log) this.model.trimmed(log.firstLsn)
      },
      () => {},
    )
    this.#await(log, trimmed)
  }

  async #read(records: AsyncIterable<{ readonly lsn: number; readonly data: Buffer }>): Promise<void> {
    try {
      for await (const { lsn, data } of records) this.model.sawRecord(lsn, data)
    } catch (error) {
      const { code } = error as ErrorFields // Of whatever build, or of no build.
      if (error instanceof Violation) throw error
      // A trim may be under way.
      if (!this.stopped && code !== 'SLUICE_TRIMMED') throw new Violation(`reading fails: ${String(error)}`)
    }
  }

  /** By `get`, and by one follower for each opening, which lives as long as the log. */
  async #readOtherwise(log: Log): Promise<void> {
    const around: Surroundings = {
      model: this.model,
      isAlive: () => this.#log === log,
      isStopped: () => this.stopped,
    }
    if (this.#followed !== log) {
      this.#followed = log
      followOn(log, around).catch((error: unknown) => this.#violate(log, error))
    }
    if (this.#log === log && !this.stopped) await getAround(log, around)
  }

  /** As another process reads: by the mark file. */
  async #peek(): Promise<void> {
    const { fileSystem } = this
    const reader = await this.#subject.openLogReader(DIRECTORY, { fileSystem }).catch((error: ErrorFields) => {
      if (this.stopped) return undefined
      throw new Violation(`openLogReader refuses: ${String(error)}`)
    })
    if (reader === undefined) return
    await this.#read(reader.read())
    await reader.close()
  }

  /** What comes of a promise counts as long as its process lives. */
  #await(log: Log, promise: Promise<void>): void {
    const pending = this.#pending
    const watched = promise.catch((error: unknown) => this.#violate(log, error))
    pending.add(watched)
    watched.then(() => pending.delete(watched))
  }

  #violate(log: Log, error: unknown): void {
    if (this.#log !== log) return
    this.#violation ??= error instanceof Violation ? error : new Violation(String(error), { cause: error })
  }

  async #settle(): Promise<void> {
    for (let turns = 0; this.#pending.size > 0; turns++) {
      if (turns > SETTLE_TURNS_MAX) throw new Violation(`${this.#pending.size} promises never settle`)
      await turn()
      if (turns % 16 === 15) this.#clock.advance(1)
    }
    this.#check()
  }

  #check(): void {
    if (this.#violation !== undefined) throw this.#violation
  }

  /** Closes the log, and opens it again: once it is closed, or as soon as the lock can be had. */
  async #reopen(atOnce: boolean): Promise<void> {
    const log = this.#log
    if (log === undefined) return this.#open(false)
    const failed = log.status === 'failed'
    const closed = log.close().then(
      () => !failed,
      () => false,
    )
    const end = async (): Promise<void> => {
      const drained = await closed
      await this.#settle()
      // Whatever was accepted, and not rejected, is durable.
      if (drained) this.model.durableUpTo(this.model.nextLsn - 1)
    }
    if (!atOnce) await end()
    await this.#open(false, atOnce ? end : undefined)
  }

  /** Goes on where the process, or the machine, died. */
  async #restart(fileSystem: SimulatedFileSystem, powerCut: boolean): Promise<void> {
    const log = this.#log
    this.#log = undefined
    this.#pending = new Set()
    this.#pendingBytes = 0
    await log?.close().catch(() => {}) // It ends with its process.
    if (powerCut) this.model.powerFailed()
    this.fileSystem = this.#adopt(fileSystem)
    await this.#open(powerCut)
  }

  #adopt(fileSystem: SimulatedFileSystem): SimulatedFileSystem {
    const { stop } = this.#scenario
    const left = stop === undefined ? Number.POSITIVE_INFINITY : stop.call - this.#calls
    const exact = stop?.behindChange === false
    if (exact && left > 0 && left < Number.POSITIVE_INFINITY) fileSystem.crashAfter(left)
    fileSystem.onCall((call) => {
      this.#calls++
      this.#watch(this.#calls, call, fileSystem, this.model)
      if (stop?.behindChange === true && this.#calls >= stop.call && changes(call)) fileSystem.crashAfter(1)
    })
    return fileSystem
  }

  /** Opens the log, and holds what it has against the model. `end` ends the log before it, if it still works. */
  async #open(powerCut: boolean, end?: () => Promise<void>): Promise<void> {
    const log = await this.#opened(end !== undefined)
    await end?.()
    this.#log = log
    if (log === undefined) return
    log.on('rollback', (lsn) => this.#hear(log, () => this.model.rollBack(lsn)))
    log.on('durable', (lsn) => this.#hear(log, () => this.model.durableUpTo(lsn)))
    const found = await readAll(log).catch((error: unknown) => {
      if (this.stopped) return undefined
      throw error instanceof Violation ? error : new Violation(`reading fails: ${String(error)}`, { cause: error })
    })
    if (found === undefined) return
    this.model.check(found, powerCut)
    this.model.reopened(found)
  }

  #hear(log: Log, told: () => void): void {
    if (this.#log !== log) return
    try {
      told()
    } catch (error) {
      this.#violate(log, error)
    }
  }

  /** `undefined` where the world stops meanwhile. */
  async #opened(otherIsClosing: boolean): Promise<Log | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#subject.openLog(DIRECTORY, { ...this.#scenario.options, fileSystem: this.fileSystem })
      } catch (error) {
        if (this.stopped) return undefined
        const { code = '' } = error as ErrorFields // Of whatever build.
        const passes = OPENING_FAILURES.includes(code) || (otherIsClosing && code === 'SLUICE_LOCKED')
        if (!passes || tries > SETTLE_TURNS_MAX)
          throw new Violation(`opening refuses: ${String(error)}`, { cause: error })
        if (code !== 'SLUICE_LOCKED') this.fileSystem.capacityBytes = Number.POSITIVE_INFINITY
        await turn()
      }
    }
  }
}

/** Bytes that tell which record they are. */
function payload(id: number, index: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${id}.${index} `)
}

function usedBytes(fileSystem: SimulatedFileSystem): number {
  // Measured on a copy, so that it counts as no call.
  const copy = fileSystem.stateAfterCrash({ keep: 'all' })
  let bytes = 0
  for (const name of copy.listSync(DIRECTORY)) {
    if (name === 'quarantine') continue
    const fd = copy.openSync(join(DIRECTORY, name), 'read')
    bytes += copy.sizeSync(fd)
    copy.closeSync(fd)
  }
  return bytes
}
