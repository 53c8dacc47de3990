import type { LogOptions } from '../../../src/log/contract.js'
import type { Random } from '../../../src/testing/index.js'
import type { Profile } from './operation.js'

const KIB = 1024
const small = { segmentBytes: 16 * KIB, maxPendingBytes: 128 * KIB } satisfies LogOptions

const OPTIONS: readonly LogOptions[] = [
  small,
  { ...small, batch: { maxRecords: 3 } },
  { ...small, batch: { maxBytes: 4 * KIB }, directorySync: 'always' },
  { ...small, segmentBytes: 40 * KIB },
  { ...small, flush: 'immediate' },
  { ...small, flush: { everyMs: 5 } },
  { ...small, flush: { everyRecords: 4, everyMs: 10 } },
  { ...small, flush: { everyRecords: 3 }, ack: 'written' },
  { ...small, flush: 'never' },
]

const WEIGHTS = { append: 30, many: 6, flush: 4, trim: 3, turns: 12, settle: 8, pass: 4, read: 2, peek: 1 } as const

/** Each record has a frame of its own, and many are written before they are synced. */
const ONE_BY_ONE: readonly LogOptions[] = [
  { ...small, segmentBytes: 64 * KIB, batch: { maxRecords: 1 }, flush: 'never' },
  { ...small, segmentBytes: 64 * KIB, batch: { maxRecords: 1 }, flush: { everyRecords: 30 }, ack: 'written' },
]

/** All of it, in equal parts. */
export const MIXED: Profile = {
  name: 'mixed',
  operations: 40,
  weights: { ...WEIGHTS, close: 1, takeover: 1, kill: 2, cut: 2 },
  sizes: [0, 8, 24, 200, 200, 3000, 3000, 7000],
  options: OPTIONS,
}

/** Failing calls, and reopening after them. */
export const FAULTY: Profile = {
  ...MIXED,
  name: 'faulty',
  weights: { ...WEIGHTS, fault: 6, kill: 2, cut: 1, close: 1 },
}

/** Disks that are full now and then. */
export const FULL: Profile = {
  ...MIXED,
  name: 'full disk',
  weights: { ...WEIGHTS, fill: 5, room: 5, kill: 1, close: 1 },
}

/** Frames of one size in batches of several, torn again and again: what one timeline leaves fits into the next one. */
export const TORN: Profile = {
  ...MIXED,
  name: 'torn again',
  operations: 60,
  weights: { append: 40, settle: 24, cut: 4, kill: 1 },
  // A frame of one such record is a sector.
  sizes: [452],
  options: ONE_BY_ONE,
}

/** Disks that get full in the midst of a batch, in files that are not filled ahead. */
export const FULL_IN_BATCH: Profile = {
  ...MIXED,
  name: 'full in a batch',
  weights: { many: 30, append: 5, fill: 10, room: 8, turns: 8, settle: 6 },
  sizes: [200, 452, 960],
  options: [{ ...small, flush: 'never' }],
}

/** A few appends, and the world stops. */
export const SHORT: Profile = {
  ...MIXED,
  name: 'short',
  operations: 24,
  weights: { append: 20, many: 2, settle: 20, flush: 1 },
  sizes: [8, 200, 452],
  options: [
    small,
    { ...small, directorySync: 'always' },
    { ...small, flush: 'immediate' },
    { ...small, flush: { everyMs: 5 } },
  ],
}

/** One rotation after the other, and trims behind them. */
export const ROTATING: Profile = {
  ...MIXED,
  name: 'rotating',
  weights: { append: 20, many: 4, turns: 8, settle: 10, trim: 8, read: 2, close: 1, kill: 1, cut: 1 },
  sizes: [200, 5000, 9000],
}

/** Segments that are prepared in the background while they fill up. */
export const PREPARED: Profile = {
  ...MIXED,
  name: 'prepared',
  operations: 44,
  weights: { append: 30, turns: 8, settle: 12, flush: 2, trim: 2, kill: 1, cut: 1, close: 1, fill: 1, room: 2 },
  sizes: [200, 24_000, 60_000, 60_000],
  options: [
    { segmentBytes: 1024 * KIB, maxPendingBytes: 1024 * KIB },
    { segmentBytes: 1024 * KIB, maxPendingBytes: 1024 * KIB, flush: { everyMs: 5 } },
    { segmentBytes: 1024 * KIB, maxPendingBytes: 1024 * KIB, preparedSegments: 1 },
    { segmentBytes: 1024 * KIB, maxPendingBytes: 1024 * KIB, preparedSegments: 3 },
  ],
}

/** What recovery left is damaged afterwards. */
export const DAMAGED: Profile = { ...MIXED, name: 'damaged', damaged: 500 }

export const PROFILES: readonly Profile[] = [
  MIXED,
  FAULTY,
  FULL,
  FULL_IN_BATCH,
  TORN,
  SHORT,
  ROTATING,
  PREPARED,
  DAMAGED,
]

const SHARES: readonly (readonly [Profile, share: number])[] = [
  [MIXED, 28],
  [FAULTY, 20],
  [FULL, 12],
  [FULL_IN_BATCH, 6],
  [TORN, 12],
  [SHORT, 6],
  [ROTATING, 10],
  [DAMAGED, 5],
  [PREPARED, 1],
]

/** One of all profiles, each as often as it is worth. */
export function drawProfile(numbers: Random): Profile {
  let drawn = numbers.below(100)
  for (const [profile, share] of SHARES) {
    drawn -= share
    if (drawn < 0) return profile
  }
  return MIXED
}
