/** A mark that waits for room. */
interface WaitingMark<K extends string> {
  readonly key: K
  /** Takes the mark; what that returns settles it. */
  readonly take: () => Promise<void> | undefined
  readonly settle: (result: Promise<void> | undefined) => void
}

/** Marks that found no room, in the order in which they came. */
export class WaitingMarks<K extends string> {
  readonly #line = new Set<WaitingMark<K>>()

  get length(): number {
    return this.#line.size
  }

  /** Settles as the mark does, once there was room for it. */
  add(key: K, take: () => Promise<void> | undefined): Promise<void> {
    return new Promise((settle) => {
      this.#line.add({ key, take, settle })
    })
  }

  /** Takes marks from the front of the line, for as long as there is room for them. */
  admit(hasRoom: (key: K) => boolean): void {
    for (const mark of this.#line) {
      if (!hasRoom(mark.key)) return
      this.#line.delete(mark)
      try {
        mark.settle(mark.take())
      } catch (error) {
        mark.settle(Promise.reject(error))
      }
    }
  }

  rejectAll(error: Error): void {
    for (const mark of this.#line) mark.settle(Promise.reject(error))
    this.#line.clear()
  }
}
