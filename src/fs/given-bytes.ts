/*
 * Bytes that a caller gave, looked at without running any code of the caller's: a class of theirs may have made something
 * else of `length`, `byteOffset` or `subarray`.
 */

const lengthGetter: ((this: Uint8Array) => number) | undefined = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'length',
)?.get
if (lengthGetter === undefined) throw new Error('typed arrays have no length')
const lengthOf = lengthGetter

/** How many bytes there are; 0 where they are gone. */
export function givenLength(data: Uint8Array): number {
  return lengthOf.call(data)
}

/**
 * Whether a view that has no bytes has lost them: its memory was transferred to somebody else, or no longer reaches so far.
 * Not for one that has some.
 */
export function isGone(empty: Uint8Array): boolean {
  try {
    nothing.set(empty)
    return false
  } catch {
    return true
  }
}

const nothing = new Uint8Array(0)

/**
 * Copies all bytes of `data`, which are to be `length`, to `target`, from `to` on. Throws a `RangeError`, and copies none,
 * where they aren't so many. `isFast`: by one memcpy, which pays for large ones where memory is shared.
 */
export function copyGiven(data: Uint8Array, length: number, target: Buffer, to: number, isFast: boolean): void {
  const given = lengthOf.call(data)
  if (given !== length) throw new RangeError(`${length} bytes were to be copied, and there are ${given}`)
  if (isFast) target.fill(data, to, to + length)
  else target.set(data, to)
}
