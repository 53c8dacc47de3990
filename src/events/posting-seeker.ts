import type { NumberList } from './number-list.js'
import type { PostingLists } from './posting-lists.js'

/** Finds its way in ascending positions, in one direction: each search begins where the last one ended. */
export interface Seeker {
  /** What a search costs, in looks at a list of positions. */
  readonly cost: number
  /**
   * The nearest position that is not before `position`, in this one's direction; 0 where there is none. It is never asked
   * for one that lies before what it was asked for last.
   */
  seek(position: number): number
}

/** Of the positions of one term. What is near is found in a few looks, and what is far by doubling the steps towards it. */
export class PostingSeeker implements Seeker {
  readonly cost = 1
  readonly #lists: PostingLists
  readonly #term: number
  /** A term that has a list of its own keeps it. */
  readonly #list: NumberList | undefined
  readonly #backwards: boolean
  /** Upwards: all before it lie below what was asked for. Downwards: all behind it lie above. */
  #at: number

  constructor(lists: PostingLists, term: number, backwards: boolean) {
    this.#lists = lists
    this.#term = term
    this.#list = lists.listOf(term)
    this.#backwards = backwards
    this.#at = backwards ? lists.count(term) - 1 : 0
  }

  seek(position: number): number {
    return this.#backwards ? this.#floor(position) : this.#ceiling(position)
  }

  #value(index: number): number {
    return this.#list === undefined ? this.#lists.at(this.#term, index) : this.#list.at(index)
  }

  #ceiling(position: number): number {
    const count = this.#lists.count(this.#term)
    let low = this.#at
    if (low >= count) return 0
    const near = this.#value(low)
    if (near >= position) return near
    // From here on the one at `low` lies below the position, and the one at `high`, if there is one, does not.
    let step = 1
    while (low + step < count && this.#value(low + step) < position) {
      low += step
      step *= 2
    }
    let high = Math.min(low + step, count)
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#value(middle) < position) low = middle
      else high = middle
    }
    this.#at = high
    return high < count ? this.#value(high) : 0
  }

  #floor(position: number): number {
    // A rollback can have taken positions away since this one began, all of them above what it is asked for.
    let high = Math.min(this.#at, this.#lists.count(this.#term) - 1)
    if (high < 0) return 0
    const near = this.#value(high)
    if (near <= position) return near
    let step = 1
    while (high - step >= 0 && this.#value(high - step) > position) {
      high -= step
      step *= 2
    }
    let low = Math.max(high - step, -1)
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#value(middle) > position) high = middle
      else low = middle
    }
    this.#at = low
    return low < 0 ? 0 : this.#value(low)
  }
}

/** Of the positions that have any of some types. */
export class TypeSeeker implements Seeker {
  readonly cost: number
  readonly #types: readonly number[]
  readonly #typeOf: NumberList
  readonly #seekers: readonly PostingSeeker[]
  readonly #backwards: boolean

  /** `typeOf` has the type of position 1, 2, … */
  constructor(lists: PostingLists, types: readonly number[], typeOf: NumberList, backwards: boolean) {
    this.cost = types.length
    this.#types = types
    this.#typeOf = typeOf
    this.#seekers = types.map((type) => new PostingSeeker(lists, type, backwards))
    this.#backwards = backwards
  }

  seek(position: number): number {
    // One look at the event takes less than one at each list, and is enough where the types are frequent.
    if (position > 0 && position <= this.#typeOf.length && this.#types.includes(this.#typeOf.at(position - 1))) {
      return position
    }
    let nearest = 0
    for (const seeker of this.#seekers) {
      const found = seeker.seek(position)
      if (found !== 0 && (nearest === 0 || found > nearest === this.#backwards)) nearest = found
    }
    return nearest
  }
}
