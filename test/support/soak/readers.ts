import { setTimeout as delay } from 'node:timers/promises'
import { SluiceError } from '../../../src/errors.js'
import { checksum } from '../../../src/format/checksum.js'
import type { Log, LogRecord } from '../../../src/log/contract.js'
import { FixtureProcess } from '../fixture-process.js'
import type { Teardown } from '../teardown.js'
import { numberOf } from './soak-record.js'
import type { SoakState } from './soak-state.js'
import { StretchCheck } from './stretch.js'

/** What a follower got is compared with what was acknowledged after so many records. */
const STRETCH_RECORDS = 1_000

/** Follows every record of the run, from one opening of the log to the next; ends when that is closed. */
export async function followAll(state: SoakState, log: Log): Promise<void> {
  const check = new StretchCheck(state.steady.here + 1)
  try {
    for await (const record of log.follow({ from: check.lastLsn + 1 })) {
      check.take(record)
      state.steady.here = record.lsn
      state.counts.followed++
      if (check.records >= STRETCH_RECORDS) state.ledger.compare(check.cut())
    }
  } catch (error) {
    state.violate(`a follower of all records failed: ${String(error)}`)
  }
  state.ledger.compare(check.cut())
}

/** Followers that start anywhere, dawdle, and leave after a while, one after the other. A trim may overtake them. */
export async function followSlowly(state: SoakState): Promise<void> {
  const { below } = state.numbers
  while (!state.stopping) {
    await delay(below(50))
    const { log } = state
    if (log === undefined || log.durableLsn === 0) continue
    const controller = new AbortController()
    const check = new StretchCheck(log.firstLsn + below(log.durableLsn - log.firstLsn + 1))
    let left = 20 + below(500)
    try {
      for await (const record of log.follow({ from: check.lastLsn + 1, signal: controller.signal })) {
        check.take(record)
        state.counts.followed++
        if (record.lsn % 10 === 0) await delay(below(10))
        left--
        // Some leave the loop, some are told to.
        if (left === 0 && below(2) === 0) break
        if (left === 0) controller.abort()
      }
      state.counts.followersEnded++
    } catch (error) {
      if (controller.signal.aborted) state.counts.followersEnded++
      else trimmedOrClosed(state, error)
    }
    state.ledger.compare(check.cut())
  }
}

/** Single records and short runs of them, from anywhere in the log. */
export async function readAnywhere(state: SoakState): Promise<void> {
  const { below } = state.numbers
  while (!state.stopping) {
    await delay(below(10))
    const { log } = state
    if (log === undefined || log.durableLsn === 0) continue
    const lsn = log.firstLsn + below(log.durableLsn - log.firstLsn + 1)
    try {
      if (below(8) > 0) await getOne(state, log, lsn)
      else await readSome(state, log, lsn)
    } catch (error) {
      trimmedOrClosed(state, error)
    }
  }
}

async function getOne(state: SoakState, log: Log, lsn: number): Promise<void> {
  const record = await log.get(lsn)
  state.counts.gets++
  if (record === undefined) state.violate(`LSN ${lsn} was durable, and there is no such record`)
  else checkRecord(state, record, lsn)
}

async function readSome(state: SoakState, log: Log, from: number): Promise<void> {
  let next = from
  for await (const record of log.read({ from, limit: 100 })) {
    checkRecord(state, record, next++)
    state.counts.recordsRead++
  }
}

/** Checks a record by itself, and against what was acknowledged where that is known. */
export function checkRecord(state: SoakState, record: LogRecord, lsn: number): void {
  numberOf(record)
  if (record.lsn !== lsn) state.violate(`LSN ${record.lsn} came where ${lsn} should have`)
  if (state.ledger.agrees(lsn, checksum(record.data)) === false) {
    state.violate(`LSN ${lsn} has other bytes than the record that was acknowledged`)
  }
}

function trimmedOrClosed(state: SoakState, error: unknown): void {
  const code = error instanceof SluiceError ? error.code : undefined
  if (code === 'SLUICE_TRIMMED') state.counts.followersTrimmed++
  else if (code !== 'SLUICE_CLOSED') state.violate(`a reader failed: ${String(error)}`)
}

/** A follower in another process, from an LSN on. */
export class DistantFollower {
  readonly #state: SoakState
  readonly #process: FixtureProcess
  readonly #steady: boolean
  readonly #ended: Promise<void>

  /** A steady one must never be overtaken by a trim; others dawdle. */
  constructor(owner: Teardown, state: SoakState, steady: boolean, from: number) {
    this.#state = state
    this.#steady = steady
    this.#process = new FixtureProcess(owner, 'soak-follower', [state.directory, `${from}`, steady ? '0' : '50'])
    this.#ended = this.#listen()
  }

  get pid(): number {
    return this.#process.pid
  }

  /** Resolves once it has told all that it got. */
  async stop(): Promise<void> {
    this.#process.tell('stop')
    await this.#ended
  }

  async #listen(): Promise<void> {
    const { code, complaints } = await this.#process.eachLine((line) => this.#hear(line))
    if (code !== 0) this.#state.violate(`a follower in another process ended with ${code}: ${complaints}`)
  }

  #hear(line: string): void {
    const { ledger, counts, steady } = this.#state
    // As soak-follower.ts tells it.
    const told = JSON.parse(line) as {
      stretch?: { from: number; to: number; sum: number } | null
      trimmed?: boolean
      violation?: string
    }
    if (told.violation !== undefined) this.#state.violate(`in another process: ${told.violation}`)
    if (told.trimmed && this.#steady) this.#state.violate('a trim overtook the steady follower in another process')
    else if (told.trimmed) counts.followersTrimmed++
    const { stretch } = told
    if (stretch === undefined || stretch === null) return
    if (this.#steady && stretch.from !== steady.elsewhere + 1) {
      this.#state.violate(`another process got LSN ${stretch.from} behind ${steady.elsewhere}`)
    }
    if (this.#steady) steady.elsewhere = stretch.to
    counts.followed += stretch.to - stretch.from + 1
    ledger.compare(stretch)
  }
}
