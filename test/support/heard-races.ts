import { racedAppend } from './raced-append.js'

/** An append that succeeded, and where. */
export interface MadeAppend {
  readonly race: number
  readonly append: number
  readonly first: number
  readonly last: number
}

/** A claim that was refused, and because of which position. */
export interface LostClaim {
  readonly race: number
  readonly append: number
  readonly position: number
}

/** What a process that holds races has said of them, see test/fixtures/event-racer.ts. */
export class HeardRaces {
  /** Begun since the last kill, or by it. */
  races: number[] = []
  made: MadeAppend[] = []
  lost: LostClaim[] = []
  /** Those in which every append had its outcome. */
  readonly finished = new Set<number>()
  nextRace = 0
  outcomes = 0
  /** What the process itself has seen, and should not. */
  readonly problems: string[] = []

  /** Begins anew: what was heard was looked into. */
  forget(): void {
    this.races = []
    this.made = []
    this.lost = []
    this.problems.length = 0
  }

  /** Takes in a line of the process's. */
  hear(line: string): void {
    const [what, ...texts] = line.split(' ')
    const [race = Number.NaN, append = Number.NaN, first = Number.NaN, last = Number.NaN] = texts.map(Number)
    if (what === 'race') {
      this.races.push(race)
      this.nextRace = Math.max(this.nextRace, race + 1)
    } else if (what === 'raced') {
      this.finished.add(race)
    } else if (what === 'made') {
      this.made.push({ race, append, first, last })
      this.outcomes++
    } else if (what === 'lost') {
      this.lost.push({ race, append, position: first })
      this.outcomes++
      if (last < first) this.problems.push(`claim ${append} of race ${race} lost by ${first}, with the head at ${last}`)
    } else if (what === 'read') {
      // "read race position found": the append that was found at the position that a loser was told.
      if (first < 0) this.problems.push(`race ${race} was lost by ${append}, and there was no claim to be read`)
    }
  }

  /** Appends with ids that were begun, whatever became of them. */
  retriable(seed: number, appends: number): { readonly race: number; readonly append: number }[] {
    const found: { race: number; append: number }[] = []
    for (const race of this.races) {
      for (let append = 0; append < appends; append++) {
        if (racedAppend(seed, race, append).kind === 'retriable') found.push({ race, append })
      }
    }
    return found
  }
}
