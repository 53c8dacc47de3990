type Allocator = (size: number, ...rest: never[]) => Buffer

const ALLOCATORS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const

/** Notes the largest buffer that anybody in this process asks for, until it is ended. */
export class AllocationWatch {
  mostBytes = 0
  readonly #originals = new Map<(typeof ALLOCATORS)[number], Allocator>()

  constructor() {
    for (const name of ALLOCATORS) {
      // The three differ only in arguments behind the size, which are passed on as they are.
      const original = Buffer[name] as Allocator
      this.#originals.set(name, original)
      const watched: Allocator = (size, ...rest) => {
        if (size > this.mostBytes) this.mostBytes = size
        return original.call(Buffer, size, ...rest)
      }
      Object.defineProperty(Buffer, name, { value: watched, configurable: true, writable: true })
    }
  }

  end(): void {
    for (const [name, original] of this.#originals) {
      Object.defineProperty(Buffer, name, { value: original, configurable: true, writable: true })
    }
  }
}
