import { setTimeout as delay } from 'node:timers/promises'
import { SluiceError } from '../../../src/errors.js'
import { checksum } from '../../../src/format/checksum.js'
import type { AppendOptions, Log } from '../../../src/log/contract.js'
import type { AckLevel } from '../../../src/options.js'
import { RECORD_BYTES_MAX, soakRecord } from './soak-record.js'
import type { SoakState } from './soak-state.js'

/** Appends, or begins to, in the way of one kind of caller. */
type Turn = (state: SoakState, log: Log) => unknown

interface Producer {
  /** Milliseconds between two turns: anything up to this. */
  readonly everyMs: number
  readonly turn: Turn
}

class GivenUp extends Error {}

/** Open loops: a producer doesn't wait for what it appended, but for `polite`, which waits for room and for each outcome. */
const PRODUCERS: Readonly<Record<string, Producer>> = {
  steady: { everyMs: 10, turn: (state, log) => repeat(2, () => appendOne(state, log, state.numbers.below(1_000))) },
  bursts: {
    everyMs: 3_000,
    turn(state, log) {
      const bytes = 1 + state.numbers.below(4_000)
      repeat(200 + state.numbers.below(1_800), () => appendOne(state, log, state.numbers.below(bytes)))
    },
  },
  tiny: { everyMs: 20, turn: (state, log) => appendOne(state, log, state.numbers.below(3) * state.numbers.below(16)) },
  large: { everyMs: 150, turn: (state, log) => appendOne(state, log, state.numbers.below(RECORD_BYTES_MAX + 1)) },
  many: {
    everyMs: 60,
    turn(state, log) {
      const sizes = Array.from({ length: 1 + state.numbers.below(50) }, () => state.numbers.below(2_000))
      appendTogether(state, log, sizes)
    },
  },
  impatient: {
    everyMs: 40,
    turn(state, log) {
      const controller = new AbortController()
      repeat(4, () => appendOne(state, log, state.numbers.below(8_000), { signal: controller.signal }))
      setTimeout(() => controller.abort(new GivenUp()), state.numbers.below(8))
    },
  },
  polite: {
    everyMs: 5,
    async turn(state, log) {
      await log.ready().catch((error: unknown) => refused(state, error))
      await appendOne(state, log, state.numbers.below(500), { ack: 'durable' })
    },
  },
}

/** Starts all of them; resolves once they have stopped. */
export async function runProducers(state: SoakState): Promise<void> {
  await Promise.all(Object.values(PRODUCERS).map((producer) => produce(state, producer)))
}

async function produce(state: SoakState, { everyMs, turn }: Producer): Promise<void> {
  while (!state.stopping) {
    await delay(state.numbers.below(everyMs + 1))
    if (state.log !== undefined) await turn(state, state.log)
  }
}

function repeat(times: number, task: () => unknown): void {
  for (let time = 0; time < times; time++) task()
}

function appendOne(state: SoakState, log: Log, bytes: number, options: AppendOptions = {}): Promise<void> {
  const data = soakRecord(state.nextNumber(), bytes)
  const level = options.ack ?? (state.numbers.below(4) === 0 ? 'written' : 'durable')
  const checksums = [checksum(data)]
  // Acknowledgements come in LSN order: nothing may stand between them and the ledger, which checks that.
  return log.append(data, { ...options, ack: level }).then(
    (lsn) => acknowledged(state, lsn, [data], checksums, level),
    (error: unknown) => refused(state, error),
  )
}

function appendTogether(state: SoakState, log: Log, sizes: readonly number[]): Promise<void> {
  const data = sizes.map((bytes) => soakRecord(state.nextNumber(), bytes))
  const checksums = data.map((record) => checksum(record))
  return log.appendMany(data, { ack: 'durable' }).then(
    ({ first, last }) => {
      if (last !== first + data.length - 1) {
        state.violate(`${data.length} records were acknowledged as ${first} to ${last}`)
      }
      acknowledged(state, first, data, checksums, 'durable')
    },
    (error: unknown) => refused(state, error),
  )
}

function acknowledged(
  state: SoakState,
  firstLsn: number,
  records: readonly Buffer[],
  checksums: readonly number[],
  level: AckLevel,
): void {
  state.counts.bytes += records.reduce((sum, data) => sum + data.length, 0)
  state.ledger.acknowledge(firstLsn, checksums, level)
}

/** Appends may be refused in these ways, and in no others. */
function refused(state: SoakState, error: unknown): void {
  const { counts } = state
  if (error instanceof GivenUp) counts.aborted++
  else if (error instanceof SluiceError && error.code === 'SLUICE_QUEUE_FULL') counts.queueFull++
  else if (error instanceof SluiceError && error.code === 'SLUICE_CLOSED') counts.refusedByClose++
  else state.violate(`an append was refused: ${String(error)}`)
}
