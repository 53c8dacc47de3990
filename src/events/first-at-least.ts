/** The place, from `from` on, of the first number that is not below `value`, in a list that grows; its end where there is none. */
export function firstAtLeast(value: number, growing: readonly number[], from: number): number {
  let low = from
  let high = growing.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((growing[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
