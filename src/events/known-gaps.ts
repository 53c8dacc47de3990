import { type ItemCursor, PAUSED } from './item-cursor.js'

/** A range of positions in which an item has no match. */
interface Gap {
  /** The last position that is known to be in it: the head of that time. */
  high: number
  /** It begins behind this position, */
  low: number
  /** which matches; or else nobody has looked at it yet. */
  matches: boolean
}

/** Characters of all keys: some thousand items of a few terms. */
const KEY_CHARACTERS_MAX = 262_144

/**
 * Remembers where items have no match. Terms that are frequent, and never meet, can only be found not to by walking along
 * their positions; who asks the same again walks along those only that came since. Of the items that were asked for last.
 */
export class KnownGaps {
  readonly #gaps = new Map<string, Gap>()
  readonly #charactersMax: number
  #characters = 0

  constructor(charactersMax = KEY_CHARACTERS_MAX) {
    this.#charactersMax = charactersMax
  }

  /** How many items are remembered. */
  get count(): number {
    return this.#gaps.size
  }

  /** Forgets all: positions were taken back, and will be given to other events. */
  clear(): void {
    this.#gaps.clear()
    this.#characters = 0
  }

  /**
   * The last match of an item above `after`; 0 where there is none. `key` names the item; `cursor` goes backwards, and has
   * found none down to where it is paused, from `head` on.
   */
  lastMatch(key: string, cursor: ItemCursor, head: number, after: number): number {
    const gap = this.#gaps.get(key)
    if (gap === undefined) {
      const position = walk(cursor, cursor.reached, after)
      this.#remember(key, { high: head, low: Math.max(position, after), matches: position > 0 })
      return position
    }
    this.#gaps.delete(key)
    this.#gaps.set(key, gap) // It is the youngest again.
    // Down to the gap in any case, so that it grows in one piece, and no position is looked at twice.
    const above = walk(cursor, cursor.reached, gap.high)
    gap.high = head
    if (above > 0) {
      gap.low = above
      gap.matches = true
    } else if (!gap.matches && after < gap.low) {
      const below = walk(cursor, Math.min(cursor.reached, gap.low), after)
      gap.low = Math.max(below, after)
      gap.matches = below > 0
    }
    return gap.matches && gap.low > after ? gap.low : 0
  }

  #remember(key: string, gap: Gap): void {
    this.#gaps.set(key, gap)
    this.#characters += key.length
    for (const oldest of this.#gaps.keys()) {
      if (this.#characters <= this.#charactersMax) return
      this.#gaps.delete(oldest)
      this.#characters -= oldest.length
    }
  }
}

/** To the next match above a position, however long it takes. */
function walk(cursor: ItemCursor, from: number, above: number): number {
  if (from <= above) return 0
  const position = cursor.find(from, above + 1, Number.POSITIVE_INFINITY)
  return position === PAUSED ? 0 : position // It is never paused without a bound.
}
