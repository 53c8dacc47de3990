/** What the marks of the kill trial say: their number, and something that fills segments. */
export interface Marked {
  readonly n: number
  readonly padding: string
}

/** So many mark at the same time. */
export const MARKERS = 32
export const JOURNAL = { segmentBytes: 16 * 1024, compactBytes: 16 * 1024 } as const
/** The repository refuses it while it is written to: so it stays dirty, and is in the way of the journal's trimming. */
export const POISON = 'poison'

const KEYS = 50

/** The key of the nth mark. */
export function keyOf(n: number): string {
  return n % 29 === 0 ? POISON : `key ${n % KEYS}`
}

export function markedValue(n: number): Marked {
  return { n, padding: 'x'.repeat((n % 10) * 200) }
}
