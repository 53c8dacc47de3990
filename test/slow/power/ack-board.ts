import { closeSync, openSync, readSync, writeFileSync, writevSync } from 'node:fs'

/** What a process that appends has been told, and what it has asked for. */
export interface Acknowledged {
  /** All up to here was acknowledged as durable. */
  readonly durable: number
  /** All up to here was acknowledged at some level. */
  readonly written: number
  /** Nothing above it was ever appended. */
  readonly accepted: number
  /** `firstLsn` after a trim that resolved. */
  readonly trimmed: number
  /** No trim was asked to go beyond it. */
  readonly trimTarget: number
}

const PLACES: readonly (keyof Acknowledged)[] = ['durable', 'written', 'accepted', 'trimmed', 'trimTarget']
/** A cache line each. */
const PLACE_BYTES = 64
const NOTHING = Buffer.alloc(4)

/**
 * Numbers that one process writes and another one reads, in a file on a tmpfs: memory that both share. What was noted before
 * a moment is there at that moment, whatever became of the process; a pipe would not say that.
 */
export class AckBoard {
  readonly #fd: number
  readonly #number = Buffer.alloc(4)
  readonly #values = new Map<keyof Acknowledged, number>()

  private constructor(fd: number) {
    this.#fd = fd
  }

  static create(path: string): AckBoard {
    writeFileSync(path, Buffer.alloc(PLACES.length * PLACE_BYTES))
    return new AckBoard(openSync(path, 'r+'))
  }

  static open(path: string): AckBoard {
    return new AckBoard(openSync(path, 'r+'))
  }

  /** Only ever upwards. LSNs here stay below 2^32. */
  raise(what: keyof Acknowledged, lsn: number): void {
    if (lsn <= (this.#values.get(what) ?? 0)) return
    this.#values.set(what, lsn)
    this.#number.writeUInt32LE(lsn)
    // Two pieces make a pwritev(2) of it: a pwrite(2) that strace makes fail is to be the log's.
    writevSync(this.#fd, [this.#number, NOTHING], PLACES.indexOf(what) * PLACE_BYTES)
  }

  read(): Acknowledged {
    const bytes = Buffer.alloc(PLACES.length * PLACE_BYTES)
    readSync(this.#fd, bytes, 0, bytes.length, 0)
    const [durable = 0, written = 0, accepted = 0, trimmed = 0, trimTarget = 0] = PLACES.map((_, index) =>
      bytes.readUInt32LE(index * PLACE_BYTES),
    )
    return { durable, written, accepted, trimmed, trimTarget }
  }

  close(): void {
    closeSync(this.#fd)
  }
}
