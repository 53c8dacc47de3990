import type { EventEmitter } from 'eventemitter3'
import type { Log, LogEvents } from '../log/contract.js'

/** What a feed needs of a log. */
export type FedLog = EventEmitter<LogEvents> & Pick<Log, 'appendMany'>

/** A frame's worth of records: what one flipped bit can cost, and what is read to find a single record. */
const FRAME_BYTES = 64 * 1024
const FRAME_RECORDS = 1024
/** What may be on its way at a time: far less than the log has room for, so that no append ever waits inside it. */
const IN_FLIGHT_BYTES = 8 * 1024 * 1024
/** What a record takes beside its bytes, generously. */
const RECORD_COST_BYTES = 32

/**
 * Appends records in their order, and stops for good at the first one that fails. With a full disk a log takes back
 * what it accepted, and then appends again as soon as there is room: what was read later must not follow what was not
 * written. So nothing waits inside the log, and the feed stops on the very event that tells of it.
 */
export class RecordFeed {
  readonly #log: FedLog
  #frame: Buffer[] = []
  #frameBytes = 0
  #inFlightBytes = 0
  #stopped = false
  /** Why the first append failed that did. */
  #failure: Error | undefined
  /** Why the log latched itself, if it did: a deferred sync can fail when every append is acknowledged. */
  #latch: Error | undefined
  #settled: () => void = () => {}

  constructor(log: FedLog) {
    this.#log = log
    log.on('rollback', () => {
      this.#stopped = true
    })
    log.on('failed', (error) => {
      this.#stopped = true
      this.#latch = error
    })
  }

  /** Appends records, and resolves once there is room for more. Rejects with the error of the first append that failed. */
  async put(records: readonly Buffer[]): Promise<void> {
    for (const record of records) {
      const bytes = record.length + RECORD_COST_BYTES
      const isFull = this.#frameBytes + bytes > FRAME_BYTES || this.#frame.length === FRAME_RECORDS
      if (isFull && this.#frame.length > 0) await this.#append()
      this.#frame.push(record)
      this.#frameBytes += bytes
    }
    if (this.#frame.length > 0) await this.#append()
  }

  /** Resolves once all that was put is acknowledged. Rejects as {@link put} does. */
  async drain(): Promise<void> {
    await this.#waitUntil(() => this.#inFlightBytes === 0)
  }

  async #append(): Promise<void> {
    const records = this.#frame
    const bytes = this.#frameBytes
    this.#frame = []
    this.#frameBytes = 0
    await this.#waitUntil(() => this.#inFlightBytes === 0 || this.#inFlightBytes + bytes <= IN_FLIGHT_BYTES)
    this.#inFlightBytes += bytes
    const settle = (): void => {
      this.#inFlightBytes -= bytes
      this.#settled()
    }
    this.#log.appendMany(records).then(settle, (error: Error) => {
      this.#stopped = true
      this.#failure ??= error
      settle()
    })
  }

  /** Once the feed has stopped, all that is still in flight is settled first: then it is known why. */
  async #waitUntil(isSo: () => boolean): Promise<void> {
    while (this.#stopped ? this.#inFlightBytes > 0 : !isSo()) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve
      })
    }
    if (this.#stopped) throw this.#failure ?? this.#latch ?? new Error('the log took records back, and rejected none')
  }
}
