import type { Log } from '../log/contract.js'
import type { RecoveryReport } from '../segment/recovery-report.js'
import type { Messages } from './messages.js'
import { counted, shownBytes, shownDuration, shownRate } from './quantity.js'

const PROGRESS_MS = 200

/** Says how an append goes: on a terminal while it does, and everywhere what came of it. */
export class AppendReport {
  readonly #log: Log
  readonly #messages: Messages
  /** This process is the only writer, and LSNs are dense: all from here on is its own. */
  readonly #firstLsn: number
  readonly #startedMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  /** The bytes of the records that were appended. */
  bytes = 0

  constructor(log: Log, messages: Messages) {
    this.#log = log
    this.#messages = messages
    this.#firstLsn = log.nextLsn
  }

  /** Shows figures while the append goes on: on a terminal, unless someone is typing the records there. */
  start(): void {
    if (!this.#messages.isTerminal || process.stdin.isTTY) return
    this.#timer = setInterval(
      () => this.#messages.show(`${counted(this.#durable, 'record')} (${this.#speed()})`),
      PROGRESS_MS,
    )
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#messages.show('')
  }

  /** What a crash had left, where that is worth a word. */
  sayRecovered({ torn }: RecoveryReport): void {
    if (torn === undefined) return
    const { segment, offset, bytes, keptIn } = torn
    this.#messages.say(
      `recovered: segment ${segment} was torn at offset ${offset}; ${counted(bytes, 'byte')}, never acknowledged as durable, ` +
        `are kept in ${keptIn}`,
    )
  }

  /** What is durable of the whole input. */
  sayDone(): void {
    this.#messages.say(`${this.#outcome()}${this.#durable > 0 ? ` (${this.#speed()})` : ''}`)
  }

  /** What is durable of an input that was not taken to its end. */
  sayStopped(reason: string): void {
    this.#messages.say(`${reason}: ${this.#outcome()}`)
  }

  get #durable(): number {
    return Math.max(0, this.#log.durableLsn - this.#firstLsn + 1)
  }

  #outcome(): string {
    const lsns = this.#durable > 0 ? `, LSN ${this.#firstLsn} to ${this.#log.durableLsn}` : ''
    return `${counted(this.#durable, 'record')} durable${lsns}`
  }

  #speed(): string {
    const ms = performance.now() - this.#startedMs
    return `${shownBytes(this.bytes)} in ${shownDuration(ms)}, ${shownRate(this.#durable, ms, 'records')}`
  }
}
