import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { openStateStore } from '../../src/state/open-state-store.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { stateRepository } from '../../src/write-behind/state-repository.js'
import { JOURNAL, keyOf, MARKERS, type Marked, markedValue } from './behind-marks.js'
import { FixtureProcess } from './fixture-process.js'
import type { Random } from './random.js'
import type { Teardown } from './teardown.js'

/** Where many kills are asked for, each process lives longer, too. */
const IS_LONG = process.env['SLUICE_BEHIND_KILLS'] !== undefined
/** Marks from the moment on at which a process is ready, until it is killed. */
const MARKS_MAX = IS_LONG ? 2000 : 700
/** In its first life it writes enough that segments are sealed, trimmed, and appended anew. */
const MARKS_AT_FIRST = IS_LONG ? 1000 : 300

export interface BehindKillFigures {
  kills: number
  /** Of them, those that hit a process while it opened store and journal. */
  killsWhileOpening: number
  acknowledged: number
  /** Batches that the killed processes had saved. */
  saves: number
  /** Marks that the journal held when it was opened here. */
  replayed: number
  /** The first LSN that the journal's log still had. */
  firstLsn: number
}

/**
 * One journal and one repository that survives, and processes that write behind to it and are killed, one after the other. After
 * each round the journal is replayed: then the repository must have each acknowledged mark, or a later one of its key.
 */
export class BehindKillTrial {
  readonly figures: BehindKillFigures = {
    kills: 0,
    killsWhileOpening: 0,
    acknowledged: 0,
    saves: 0,
    replayed: 0,
    firstLsn: 1,
  }
  readonly #owner: Teardown
  readonly #directory: string
  readonly #numbers: Random
  readonly #manner: 'honest' | 'lying'
  /** By key: the highest number that was acknowledged. */
  readonly #acknowledged = new Map<string, number>()
  #last = 0
  #problems: string[] = []
  #when = ''

  constructor(owner: Teardown, directory: string, numbers: Random, manner: 'honest' | 'lying' = 'honest') {
    this.#owner = owner
    this.#directory = directory
    this.#numbers = numbers
    this.#manner = manner
  }

  /** Kills one process, or several in a row; returns all that is wrong afterwards. */
  async round(): Promise<readonly string[]> {
    const { below } = this.#numbers
    this.#problems = []
    do await this.#markUntilKilled()
    while (below(3) === 0)
    await this.#replay()
    return this.#problems
  }

  async #markUntilKilled(): Promise<void> {
    const { figures } = this
    const { below } = this.#numbers
    const args = [this.#directory, `${below(2 ** 31)}`, `${this.#last + 1}`, this.#manner]
    const writer = new FixtureProcess(this.#owner, 'behind-writer', args)
    const isFirst = figures.kills === 0
    if (!isFirst && below(5) === 0) {
      await writer.until('opening')
      figures.killsWhileOpening++
    } else {
      await writer.until('ready')
      for (let marks = (isFirst ? MARKS_AT_FIRST : 0) + below(MARKS_MAX); marks > 0; marks--)
        await writer.until('marked ')
    }
    const { signal, lines, complaints } = await writer.kill()
    figures.kills++
    this.#when = `kill ${figures.kills}, ${this.#manner}, seed ${this.#numbers.seed}`
    this.#check(signal === 'SIGKILL' && complaints === '', `the process ended by itself (${signal}): ${complaints}`)
    let last = this.#last
    for (const line of lines) {
      if (line.startsWith('backwards')) this.#check(false, line)
      if (line.startsWith('saved ')) figures.saves++
      if (!line.startsWith('marked ')) continue
      const n = Number(line.slice('marked '.length))
      last = Math.max(last, n)
      this.#acknowledged.set(keyOf(n), Math.max(n, this.#acknowledged.get(keyOf(n)) ?? 0))
      figures.acknowledged++
    }
    // What was under way may be there as well: no number is marked twice.
    this.#last = last + MARKERS
  }

  async #replay(): Promise<void> {
    const { figures } = this
    const store = await openStateStore<Marked>(join(this.#directory, 'saved'), { compaction: false })
    const before = new Map(store)
    const behind = createWriteBehind<Marked>({
      repository: stateRepository(store),
      journal: { directory: join(this.#directory, 'journal'), ...JOURNAL },
    })
    await behind.ready()
    figures.replayed += behind.stats().replayed ?? 0
    await behind.flush()
    for (const [key, n] of this.#acknowledged) {
      const found = store.get(key)?.n ?? 0
      this.#check(found >= n, `mark ${n} of ${key} was acknowledged, and ${found} is saved`)
    }
    for (const [key, value] of store) {
      const { n } = value
      const isSent = keyOf(n) === key && isDeepStrictEqual(value, markedValue(n)) && n <= this.#last
      this.#check(isSent, `${n} was never marked as ${key}, with ${value.padding.length} characters behind it`)
      const had = before.get(key)?.n ?? 0
      this.#check(n >= had, `${key} went back from ${had} to ${n}`)
    }
    const segments = readdirSync(join(this.#directory, 'journal')).filter((name) => name.endsWith('.seg'))
    figures.firstLsn = Math.min(...segments.map((name) => Number.parseInt(name, 10)))
    await behind.close()
    await store.close()
  }

  #check(holds: boolean, problem: string): void {
    if (!holds && this.#problems.length < 10) this.#problems.push(`${this.#when}: ${problem}`)
  }
}
