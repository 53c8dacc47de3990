/** What several trials of the same thing gave. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly trials: number
}

/** The median, between the two middle values where their number is even, and the extremes. */
export function spreadOf(values: readonly (number | undefined)[]): Spread {
  const sorted = Float64Array.from(values.filter((value) => value !== undefined)).sort()
  if (sorted.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN, trials: 0 }
  // Both positions lie inside the array, which is not empty.
  const at = (position: number): number => sorted[position] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    trials: sorted.length,
  }
}

/** The standard error of the mean: how far the mean of as many other values is likely to lie from that of these. */
export function standardError(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}
