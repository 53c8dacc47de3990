/** A slice of work lasts about so long, in milliseconds. */
const SLICE_MS = 1
/** Or so many characters, or bytes, whichever comes first: a block of a snapshot. */
const SLICE_CHARACTERS = 256 * 1024
/** The clock is looked at after so many pieces. */
const PIECES_A_LOOK = 64
/** Beside traffic a slice is followed by so many times its own duration without one: it takes a sixteenth of the thread. */
const REST = 15

/**
 * Cuts long work into slices, between which the event loop is free: short ones with long breaks while there is traffic, one a
 * turn of the loop while there is none.
 */
export class Pace {
  readonly #traffic: () => number
  #lastTraffic = -1
  #sliceMs = 0

  /** @param traffic a number that grows with the traffic */
  constructor(traffic: () => number) {
    this.#traffic = traffic
  }

  /** A slice of what `next` gives, one piece at least; nothing where it gives none any more. */
  slice<Piece>(next: () => Piece | undefined, lengthOf: (piece: Piece) => number): Piece[] {
    const began = performance.now()
    const pieces: Piece[] = []
    let characters = 0
    for (let piece = next(); piece !== undefined; piece = next()) {
      pieces.push(piece)
      characters += lengthOf(piece)
      if (characters >= SLICE_CHARACTERS) break
      if (pieces.length % PIECES_A_LOOK === 0 && performance.now() - began >= SLICE_MS) break
    }
    this.#sliceMs = performance.now() - began
    return pieces
  }

  /** The break after a slice. */
  async pause(): Promise<void> {
    const traffic = this.#traffic()
    const isBusy = traffic !== this.#lastTraffic
    this.#lastTraffic = traffic
    // The slice goes on after `slice` has returned: it is put together and checksummed.
    if (isBusy) await new Promise((resolve) => setTimeout(resolve, Math.max(1, this.#sliceMs * 2 * REST)))
    else await new Promise((resolve) => setImmediate(resolve))
  }
}
