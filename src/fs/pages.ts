/** Direct I/O is done in whole pages of this size, or multiples of it: no file system asks for more. */
export const PAGE_BYTES = 4096

const WASM_PAGE_BYTES = 65_536

/** Node's types leave WebAssembly to those of the web, which are not for a library; `node --jitless` is without it. */
const { WebAssembly } = globalThis as {
  readonly WebAssembly?: {
    readonly Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
  }
}

/** `offset`, or the beginning of the page behind it. */
export function pageCeil(offset: number): number {
  return Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES
}

/** The beginning of the page that `offset` lies in. */
export function pageFloor(offset: number): number {
  return Math.floor(offset / PAGE_BYTES) * PAGE_BYTES
}

let allAligned = true

/** Whether all memory so far began at a page: transfers past the cache fail from what does not. */
export function areAllPagesAligned(): boolean {
  return allAligned
}

/**
 * Memory of at least `bytes` zeros that begins at a page, as direct I/O needs it: the memory of a WebAssembly module does,
 * and is not touched by the machine before it is used. Where there is none to be had, memory that begins anywhere.
 */
export function allocatePages(bytes: number): { readonly memory: Buffer; readonly aligned: boolean } {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES)
  if (WebAssembly === undefined) return unaligned(bytes)
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
    return { memory: Buffer.from(buffer), aligned: true }
  } catch (error) {
    // It takes gigabytes of addresses (not of memory), which a limit may forbid.
    if (!(error instanceof RangeError)) throw error
    return unaligned(bytes)
  }
}

function unaligned(bytes: number): { readonly memory: Buffer; readonly aligned: false } {
  allAligned = false
  return { memory: Buffer.alloc(bytes), aligned: false }
}
