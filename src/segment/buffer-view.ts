type ViewConstructor = new (memory: ArrayBufferLike, byteOffset: number, length: number) => Buffer

/**
 * The class that all of Node's buffers are made by: `subarray` calls it once it has looked at its arguments, which takes
 * as long as making the view. `Buffer` gives it as its species; the compiler doesn't know that, hence the cast.
 */
const View = (Buffer as unknown as { readonly [Symbol.species]?: ViewConstructor })[Symbol.species]

/** A view of `length` bytes of `memory` from `byteOffset` on. Throws a `RangeError` where it hasn't that many. */
export function bufferView(memory: ArrayBufferLike, byteOffset: number, length: number): Buffer {
  return View === undefined ? Buffer.from(memory, byteOffset, length) : new View(memory, byteOffset, length)
}
