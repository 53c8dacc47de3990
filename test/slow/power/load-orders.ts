import type { LogOptions } from '../../../src/log/contract.js'
import type { Random } from '../../../src/testing/random.js'

/** What a process that appends is told at its start, as JSON. */
export interface LoadOrder {
  readonly directory: string
  /** Where its `AckBoard` lies. */
  readonly board: string
  readonly seed: number
  readonly generation: number
  readonly policy: LoadPolicy
  readonly producers: number
  readonly segmentBytes: number
  readonly preparedSegments?: number
  readonly largestRecordBytes: number
  /** Give up old records now and then. */
  readonly trims: boolean
  /** For a canary: what was acknowledged as written is claimed to be durable. */
  readonly claimsTooMuch?: boolean
}

/** What it says in the end, as JSON. */
export interface LoadSummary {
  /** What became of the appends: `durable`, `written`, or `CODE/outcome`, and how often. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly rollbacks: number
  readonly rotations: number
  /** What a call after the log had failed, or opening itself, said; where that happened. */
  readonly refusal?: string
  /** Why the log has latched itself: the failed call's error. */
  readonly failure?: string
  /** The error of `close()`, where there was one. */
  readonly closing?: string
}

/** The ways of committing that are tried. */
export const LOAD_POLICIES = {
  batch: { flush: 'batch' },
  'always sync the folder': { flush: 'batch', directorySync: 'always' },
  adaptive: { flush: 'batch', batch: { maxDelayMs: 'adaptive' } },
  immediate: { flush: 'immediate' },
  interval: { flush: { everyMs: 5 } },
  count: { flush: { everyRecords: 40, everyMs: 20 } },
  written: { flush: { everyMs: 10 }, ack: 'written' },
  never: { flush: 'never' },
} as const satisfies Record<string, LogOptions>

export type LoadPolicy = keyof typeof LOAD_POLICIES

/** All but the one that promises nothing. */
export const DURABLE_POLICIES = (Object.keys(LOAD_POLICIES) as LoadPolicy[]).filter((policy) => policy !== 'never')

/** Small segments, so that a load rotates often; or, each third time on average, some that are prepared ahead. */
export function segmentsOf(random: Random): Pick<LoadOrder, 'segmentBytes' | 'preparedSegments'> {
  if (random.below(3) === 0) return { segmentBytes: 1024 * 1024, preparedSegments: 1 + random.below(3) }
  return { segmentBytes: 1024 * (128 + random.below(512)) }
}
