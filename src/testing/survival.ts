import type { Random } from './random.js'

/**
 * What of the changes that were never synced a power cut leaves. Every change bears the sequence number of the call that
 * made it, counted over the whole file system.
 *
 * - `none`, `all`: of these changes none, or all of them.
 * - `until`: the changes before this call, and any part of the call itself, as if the disk had kept the order.
 * - `each`: each sector, each size and each entry on its own, in any of the states that it was in.
 */
export type Survival =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'until'; readonly call: number }
  | { readonly kind: 'each' }

/** The calls that made the oldest and the newest change not synced yet. */
export interface CallRange {
  readonly first: number
  readonly last: number
}

/** For one file or folder, where each of them fares on its own. */
export function drawSurvival(random: Random, range: CallRange): Survival {
  const drawn = random.below(10)
  if (drawn < 2) return { kind: 'none' }
  if (drawn < 4) return { kind: 'all' }
  if (drawn < 6) return drawUntil(random, range)
  return { kind: 'each' }
}

/** For the whole file system; `undefined` where each file and folder draws for itself, which is most of the time. */
export function drawSharedSurvival(random: Random, range: CallRange): Survival | undefined {
  const drawn = random.below(10)
  if (drawn === 0) return { kind: 'none' }
  if (drawn === 1) return { kind: 'all' }
  if (drawn < 4) return drawUntil(random, range)
  return undefined
}

/**
 * The place of the state that survives among all the states of a thing, of which number 0 is the durable one, and the
 * others were made by these calls, oldest first.
 */
export function drawState(random: Random, survival: Survival, calls: readonly { readonly call: number }[]): number {
  if (survival.kind === 'none') return 0
  if (survival.kind === 'all') return calls.length
  if (survival.kind === 'each') return drawAny(random, calls.length)
  const after = calls.findIndex(({ call }) => call >= survival.call)
  if (after === -1) return calls.length
  // The call that was under way: done or not, for each thing it touches on its own.
  return calls[after]?.call === survival.call && random.chance(0.5) ? after + 1 : after
}

/** Usually the oldest or the newest state: with many versions of each, whole frames would hardly ever survive else. */
function drawAny(random: Random, newest: number): number {
  const drawn = random.below(3)
  if (drawn === 0) return 0
  if (drawn === 1) return newest
  return random.below(newest + 1)
}

function drawUntil(random: Random, { first, last }: CallRange): Survival {
  return { kind: 'until', call: first + random.below(last - first + 1) }
}
