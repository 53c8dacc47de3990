import type { Log } from '../../../src/log/contract.js'
import type { Random } from '../random.js'
import { Ledger } from './ledger.js'

/** What all the parts of a run share: the log as it is open now, what was acknowledged, and what went wrong. */
export class SoakState {
  readonly directory: string
  readonly numbers: Random
  readonly violations: string[] = []
  readonly ledger = new Ledger((violation) => this.violate(violation))
  readonly counts = {
    aborted: 0,
    queueFull: 0,
    refusedByClose: 0,
    gets: 0,
    recordsRead: 0,
    followed: 0,
    followersTrimmed: 0,
    followersEnded: 0,
    trims: 0,
    reopened: 0,
    rotations: 0,
    bytes: 0,
    waitingMost: 0,
  }
  /** No record from this LSN on may be trimmed: the readers that run from the beginning to the end have not had it. */
  readonly steady = { here: 0, elsewhere: 0 }
  /** The first LSNs of the segments that were begun, and not given up. */
  segments: number[] = []
  stopping = false
  /** `undefined` while it is closed and opened again. */
  log: Log | undefined
  #number = 0

  constructor(directory: string, numbers: Random) {
    this.directory = directory
    this.numbers = numbers
  }

  /** The number of the next record. LSN order is call order, so numbers grow with LSNs. */
  nextNumber(): number {
    return ++this.#number
  }

  violate(violation: string): void {
    // The first ones tell what happened; the rest only follow from it.
    if (this.violations.length < 20) this.violations.push(violation)
  }
}
