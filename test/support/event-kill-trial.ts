import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { SluiceError } from '../../src/errors.js'
import type { AppendedRange, StoredEvent } from '../../src/events/contract.js'
import { openEventStore } from '../../src/events/open-event-store.js'
import type { DirectoryEventStore } from '../../src/events/store-contract.js'
import { FixtureProcess } from './fixture-process.js'
import { HeardRaces } from './heard-races.js'
import { claimedQuery, partOf, RACED_APPENDS, racedAppend } from './raced-append.js'
import type { Random } from './random.js'
import type { Teardown } from './teardown.js'

/** Of test/fixtures/event-racer.ts. */
const MANNERS = ['batch', 'interval', 'immediate'] as const
/** The least at which the next segment is prepared ahead. */
const SEGMENT_BYTES = 1024 * 1024
/** A few races. */
const OUTCOMES_MAX = 1000
/** About what it takes to open the store. */
const OPENING_MS = 40

export interface EventKillFigures {
  kills: number
  /** Of them, those that hit a process while it opened the store. */
  killsWhileOpening: number
  outcomes: number
  races: number
  /** Races that a kill cut short. */
  unfinished: number
  events: number
  /** Events that the index's files told of, and those that were read from the log, over all openings here. */
  indexed: number
  rebuilt: number
  /** Appends with ids that were made again: those that were there, and those that were not. */
  retried: number
  madeLate: number
}

/**
 * One store, and processes that hold races for usernames in it and are killed, one after the other. After each kill every
 * append that was acknowledged must be there whole, each username have one winner at the most, and each lost claim have
 * been told one that is there; then the same calls are made once more, and must agree.
 */
export class EventKillTrial {
  readonly figures: EventKillFigures = {
    kills: 0,
    killsWhileOpening: 0,
    outcomes: 0,
    races: 0,
    unfinished: 0,
    events: 0,
    indexed: 0,
    rebuilt: 0,
    retried: 0,
    madeLate: 0,
  }
  readonly #owner: Teardown
  readonly #directory: string
  readonly #numbers: Random
  readonly #manners: readonly string[]
  readonly #heard = new HeardRaces()
  /** What was found when it was last looked, event by event. */
  #events: readonly StoredEvent[] = []
  #problems: string[] = []
  #when = ''

  constructor(owner: Teardown, directory: string, numbers: Random, manners: readonly string[] = MANNERS) {
    this.#owner = owner
    this.#directory = directory
    this.#numbers = numbers
    this.#manners = manners
  }

  /** Returns all that is wrong afterwards. */
  async round(): Promise<readonly string[]> {
    const { figures } = this
    const heard = this.#heard
    const before = heard.outcomes
    const manner = this.#manners[figures.kills % this.#manners.length] ?? 'batch'
    this.#problems = []
    this.#when = `kill ${figures.kills + 1}, ${manner}, seed ${this.#numbers.seed}`
    await this.#raceUntilKilled(manner)
    this.#when += `, ${heard.outcomes - before} outcomes`
    for (const problem of heard.problems) this.#check(false, problem)
    const store = await openEventStore(this.#directory, { segmentBytes: SEGMENT_BYTES })
    const { loaded, rebuilt, discarded } = store.recovery.index
    this.#check(discarded.length === 0, `files of the index were given up: ${discarded.join()}`)
    this.#check(loaded + rebuilt === store.head(), `${loaded} and ${rebuilt} events in the index of ${store.head()}`)
    const winners = await this.#isWhole(store)
    await this.#retry(store)
    await this.#raceAgain(store, winners)
    await this.#isWhole(store)
    await store.close()
    figures.outcomes = heard.outcomes
    figures.races += heard.races.length
    figures.unfinished += heard.races.filter((race) => !heard.finished.has(race)).length
    figures.events = this.#events.length
    figures.indexed += loaded
    figures.rebuilt += rebuilt
    heard.forget()
    return this.#problems
  }

  /** Kills a process that holds races: after some outcomes, or while it opens the store. */
  async #raceUntilKilled(manner: string): Promise<void> {
    const { below } = this.#numbers
    const args = [this.#directory, `${this.#numbers.seed}`, `${this.#heard.nextRace}`, manner, `${SEGMENT_BYTES}`]
    const racer = new FixtureProcess(this.#owner, 'event-racer', args)
    if (below(8) === 0) {
      await racer.until('opening')
      await delay(below(OPENING_MS))
      this.figures.killsWhileOpening++
    } else {
      for (let outcomes = 1 + below(OUTCOMES_MAX); outcomes > 0; ) {
        const line = await racer.line()
        this.#heard.hear(line)
        if (line.startsWith('made') || line.startsWith('lost')) outcomes--
      }
    }
    const { signal, complaints } = await racer.kill()
    this.#check(signal === 'SIGKILL' && complaints === '', `the process ended by itself (${signal}): ${complaints}`)
    for (const line of racer.unread) this.#heard.hear(line)
    this.figures.kills++
  }

  /** Returns where each race of this round was won. */
  async #isWhole(store: DirectoryEventStore): Promise<ReadonlyMap<number, number>> {
    const events: StoredEvent[] = []
    for await (const event of store.read('all')) events.push(event)
    this.#check(events.length === store.head(), `${events.length} events were read, with the head at ${store.head()}`)
    const before = this.#events
    this.#check(isDeepStrictEqual(events.slice(0, before.length), before), 'events of before are gone, or others')
    this.#areWhatWasSent(events, before.length)
    this.#events = events
    const winners = this.#winnersOf(events)
    for (const { race, append, first, last } of this.#heard.made) {
      const parts = events.slice(first - 1, last).map(partOf)
      const found = parts.length === last - first + 1 && parts.every((part, at) => isPart(part, { race, append }, at))
      this.#check(found, `append ${append} of race ${race} was acknowledged at ${first} to ${last}, and is not there`)
    }
    for (const { race, append, position } of this.#heard.lost) {
      const winner = winners.get(race)
      this.#check(winner === position, `claim ${append} of race ${race} lost by ${position}, and ${winner} won`)
    }
    for (const race of this.#heard.finished) this.#check(winners.has(race), `race ${race} was held, and nobody won`)
    return winners
  }

  /** Each event byte for byte, and each append as a whole. */
  #areWhatWasSent(events: readonly StoredEvent[], from: number): void {
    const { seed } = this.#numbers
    for (let at = from; at < events.length; ) {
      const event = events[at]
      if (event === undefined) break // There are as many as the length says.
      const { race, append } = partOf(event)
      for (const expected of racedAppend(seed, race, append).events) {
        const { position, timestamp, ...found } = events[at] ?? { position: 0, timestamp: 0 }
        const same = isDeepStrictEqual(found, expected) && position === at + 1
        this.#check(same, `the event at ${at + 1} is not what append ${append} of race ${race} was`)
        this.#check(
          timestamp >= (events[at - 1]?.timestamp ?? 0),
          `the event at ${at + 1} is older than that before it`,
        )
        at++
      }
    }
  }

  #winnersOf(events: readonly StoredEvent[]): ReadonlyMap<number, number> {
    const winners = new Map<number, number>()
    const appends = new Set<string>()
    for (const event of events) {
      const { race, append, part } = partOf(event)
      const name = `${race}/${append}/${part}`
      this.#check(!appends.has(name), `event ${name} is there twice, the second time at ${event.position}`)
      appends.add(name)
      if (event.type !== 'UsernameClaimed') continue
      const other = winners.get(race)
      this.#check(other === undefined, `race ${race} was won twice: at ${other} and ${event.position}`)
      winners.set(race, event.position)
    }
    return winners
  }

  /** What has ids is made again: it is where it was, or was not there. */
  async #retry(store: DirectoryEventStore): Promise<void> {
    const { seed } = this.#numbers
    const there = new Map<string, number>()
    for (const event of this.#events) {
      const { race, append, part } = partOf(event)
      if (part === 0) there.set(`${race}/${append}`, event.position)
    }
    const head = store.head()
    const again = this.#heard.retriable(seed, RACED_APPENDS).map(async ({ race, append }) => {
      const { events } = racedAppend(seed, race, append)
      const expected = there.get(`${race}/${append}`)
      const { first, last } = await store.append(events)
      const right = last === first + events.length - 1 && (expected === undefined ? first > head : first === expected)
      this.#check(right, `append ${append} of race ${race}, made again, is at ${first} to ${last}, not at ${expected}`)
      if (expected === undefined) this.figures.madeLate++
      else this.figures.retried++
    })
    await Promise.all(again)
  }

  /** The races of this round are held again: where there was a winner nobody wins, else one does. */
  async #raceAgain(store: DirectoryEventStore, winners: ReadonlyMap<number, number>): Promise<void> {
    for (const race of this.#heard.races) {
      const claims = Array.from({ length: RACED_APPENDS }, (_, append) =>
        racedAppend(this.#numbers.seed, race, append),
      ).filter(({ kind }) => kind === 'claim')
      const won: AppendedRange[] = []
      const lostBy = new Set<number | undefined>()
      const outcomes = claims.map(async ({ events, condition }) => {
        try {
          won.push(await store.append(events, condition))
        } catch (error) {
          if (!(error instanceof SluiceError) || error.code !== 'SLUICE_APPEND_CONDITION_FAILED') throw error
          lostBy.add(error.position)
          this.#check(
            (error.position ?? Number.NaN) <= store.head(),
            `race ${race} was lost by ${error.position}, early`,
          )
        }
      })
      await Promise.all(outcomes)
      const before = winners.get(race)
      const [first = before] = won.map((range) => range.first)
      const right = won.length === (before === undefined ? 1 : 0) && lostBy.size === 1 && lostBy.has(first)
      const told = `won ${won.length} times, lost by ${[...lostBy].join()}, before it won at ${before}`
      this.#check(right, `race ${race}, held again: ${told}`)
      let found = 0
      for await (const { position } of store.read(claimedQuery(race))) found = position
      this.#check(found === first, `the winner of race ${race} is read at ${found}, not at ${first}`)
    }
  }

  #check(holds: boolean, problem: string): void {
    if (!holds && this.#problems.length < 10) this.#problems.push(`${this.#when}: ${problem}`)
  }
}

function isPart(
  part: { readonly race: number; readonly append: number; readonly part: number },
  of: { readonly race: number; readonly append: number },
  at: number,
): boolean {
  return part.race === of.race && part.append === of.append && part.part === at
}
