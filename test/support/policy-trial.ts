import type { ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { AppendOptions, Log, LogOptions } from '../../src/log/contract.js'
import type { AckLevel } from '../../src/options.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { isPossible, type Outcome, POLICIES, type PolicyName } from './policy-table.js'
import { callsOf, HALF_BYTES, openBegun, quiet, SEGMENT, type Settled, SOME_BYTES, watch } from './simulated-log.js'
import type { SteppedClock } from './stepped-clock.js'

export interface Cell {
  readonly policy: PolicyName
  readonly ack: AckLevel
  /** Whether the level is the log's, or the append's own. */
  readonly ackOf: 'log' | 'append'
}

/** One log, for one cell of the table: with one record in it, in time that stands still. */
export class PolicyTrial {
  readonly log: Log
  readonly fileSystem: SimulatedFileSystem
  readonly #cell: Cell
  readonly #clock: SteppedClock
  readonly #before: number

  private constructor(cell: Cell, clock: SteppedClock, log: Log, fileSystem: SimulatedFileSystem) {
    this.#cell = cell
    this.#clock = clock
    this.log = log
    this.fileSystem = fileSystem
    this.#before = fileSystem.calls.length
  }

  static async open(cell: Cell, clock: SteppedClock, options: LogOptions = {}): Promise<PolicyTrial> {
    const fileSystem = new SimulatedFileSystem()
    const { log } = await openBegun({ flush: POLICIES[cell.policy], ack: defaultAck(cell), ...options }, fileSystem)
    await quiet()
    return new PolicyTrial(cell, clock, log, fileSystem)
  }

  append(data: string, options: AppendOptions = {}): Promise<number> {
    const { ack, ackOf } = this.#cell
    return this.log.append(data, ackOf === 'append' ? { ...options, ack } : options)
  }

  /** Appends that take all the room there is. */
  fill(): Promise<number>[] {
    return [this.append('f'.repeat(HALF_BYTES)), this.append('f'.repeat(HALF_BYTES))]
  }

  /** One that finds no room behind them. */
  late(options: AppendOptions = {}): Promise<number> {
    return this.append('l'.repeat(SOME_BYTES), options)
  }

  /** Syncs of the segment since the trial began. */
  get syncs(): number {
    return callsOf(this.fileSystem, 'datasyncSync', SEGMENT, this.#before).length
  }

  /** Does all that is done by itself, in as much time as the policy may take. */
  async elapse(): Promise<void> {
    await quiet()
    const policy = POLICIES[this.#cell.policy]
    if (typeof policy === 'object' && 'everyMs' in policy) this.#clock.advance(policy.everyMs)
    await quiet()
  }

  /** As {@link elapse}, and where nothing syncs by itself, asks for it. */
  async elapseOrFlush(): Promise<void> {
    await this.elapse()
    if (this.log.status === 'open' && this.log.durableLsn < this.log.nextLsn - 1) {
      await this.log.flush().catch(() => {}) // What it fails with is what the appends fail with.
      await quiet()
    }
  }

  /** How a promise has settled once all is done that is done by itself. */
  async settle(promise: Promise<unknown>): Promise<Settled> {
    const watched = watch(promise)
    await this.elapse()
    if (watched.settled === undefined) throw new Error('it did not settle')
    return watched.settled
  }

  /** What the table calls the error that a promise is rejected with. */
  async refusal(promise: Promise<unknown>): Promise<Outcome | string> {
    const settled = await this.settle(promise)
    return settled.kind === 'rejected' ? refusalOf(settled.error) : `resolved to ${String(settled.value)}`
  }

  /** Ends the trial: nothing is left of it. */
  async end(t: ExecutionContext): Promise<void> {
    await this.log.close().catch(() => {}) // A log that failed, or whose machine did, is closed as well.
    t.is(this.log.status, 'closed')
  }
}

/** The log's own level; where the append is to say it itself, the other one, if that is possible. */
export function defaultAck({ policy, ack, ackOf }: Cell): AckLevel {
  if (ackOf === 'log') return ack
  return ack === 'durable' || !isPossible(policy, 'durable') ? 'written' : 'durable'
}

export function refusalOf(error: unknown): Outcome | string {
  if (!(error instanceof SluiceError)) return String(error)
  const { code, outcome } = error
  if (code === 'SLUICE_CLOSED') return 'closed'
  if (code === 'SLUICE_FAILED') return outcome === 'not-written' ? 'failed waiting' : 'failed'
  if (code === 'SLUICE_QUEUE_FULL' && outcome === 'not-written') return 'queue full'
  if (code === 'SLUICE_DISK_FULL' && outcome === 'not-written') return 'disk full'
  if (code === 'SLUICE_COMMIT_FAILED') return outcome === 'not-written' ? 'not written' : 'indeterminate'
  return `${code}: ${error.message}`
}
