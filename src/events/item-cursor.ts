import type { Seeker } from './posting-seeker.js'

/** What a search comes to that has made as many steps as it may: it can go on from where it is. */
export const PAUSED = -1

/** Counts looks at lists of positions: by them, not by time, work is bounded, and bounds are tested. */
export interface Work {
  steps: number
}

/**
 * Finds the positions that all tags of an item have, and any of its types, in one direction: each of its seekers in turn
 * pulls the position on, until none does. So it makes no more rounds than the rarest of them has positions in between.
 */
export class ItemCursor {
  readonly #seekers: readonly Seeker[]
  readonly #backwards: boolean
  readonly #work: Work
  #reached = 0
  /** Where it is paused: whose turn it is, and how many before it have agreed. */
  #turn = 0
  #agreed = 0

  /** Of one seeker at least, the rarest first. */
  constructor(seekers: readonly Seeker[], backwards: boolean, work: Work) {
    this.#seekers = seekers
    this.#backwards = backwards
    this.#work = work
  }

  /** Where a search that was paused goes on: no match lies before it. */
  get reached(): number {
    return this.#reached
  }

  /**
   * The next match from `position` on, up to `end`, or down to it where this goes backwards; 0 where there is none;
   * {@link PAUSED} where more than `steps` would be needed. Positions never go back from one call to the next.
   */
  find(position: number, end: number, steps: number): number {
    const seekers = this.#seekers
    let candidate = position
    let made = 0
    // Goes on exactly where it was paused: else many seekers, and few steps, would never come to an end.
    let agreed = position === this.#reached ? this.#agreed : 0
    let turn = position === this.#reached ? this.#turn : 0
    this.#agreed = 0
    this.#turn = 0
    for (; agreed < seekers.length; turn = turn + 1 === seekers.length ? 0 : turn + 1) {
      const seeker = seekers[turn]
      if (seeker === undefined) break // There are as many as the length says.
      if (made >= steps) {
        this.#reached = candidate
        this.#agreed = agreed
        this.#turn = turn
        candidate = PAUSED
        break
      }
      made += seeker.cost
      const found = seeker.seek(candidate)
      if (found === 0 || (this.#backwards ? found < end : found > end)) {
        candidate = 0
        break
      }
      agreed = found === candidate ? agreed + 1 : 1
      candidate = found
    }
    this.#work.steps += made
    return candidate
  }
}
