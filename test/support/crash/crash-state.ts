import type { Random, SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY } from '../simulated-log.js'
import { checkDamage } from './damage.js'
import { readAll, recoverAndRead, sameRecords } from './found-log.js'
import { type Found, lastLsnOf, type Model, Violation } from './model.js'
import { drawCrash } from './operation.js'
import type { Subject } from './subject.js'

/** Which way a crash state came about. */
export const STATE_KINDS = [
  'power cut',
  'kill',
  'kill, then power cut',
  'power cut in recovery',
  'power cut after recovery',
  'damage after recovery',
] as const

export type StateKind = (typeof STATE_KINDS)[number]

/** Something that a crash left, and what has to be in it. */
export interface CrashState {
  readonly fileSystem: SimulatedFileSystem
  readonly model: Model
  readonly kind: 'power cut' | 'kill' | 'kill, then power cut'
}

/** Calls of a recovery, about. */
const RECOVERY_CALLS = 45

/** Tries crash states: lets the log recover from them, and holds what it finds against the model. */
export class StateCheck {
  readonly counts = new Map<StateKind, number>(STATE_KINDS.map((kind) => [kind, 0]))
  /** States in which something was lost that had been accepted, and not acknowledged as durable. */
  withLosses = 0
  readonly #subject: Subject

  constructor(subject: Subject) {
    this.#subject = subject
  }

  get states(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Throws a {@link Violation}. Of a thousand states `damaged` are damaged, and repaired. */
  async check({ fileSystem, model, kind }: CrashState, numbers: Random, damaged = 10): Promise<void> {
    this.#count(kind)
    fileSystem.capacityBytes = Number.POSITIVE_INFINITY
    const powerCut = kind !== 'kill'
    const drawn = numbers.below(1000)
    if (drawn < damaged) {
      const found = this.#recovered(fileSystem, model, powerCut)
      this.#count('damage after recovery')
      await checkDamage(this.#subject, fileSystem, found, numbers)
    } else if (drawn < damaged + 30) {
      await this.#goOn(fileSystem, model, powerCut)
    } else if (drawn < damaged + 180) {
      this.#cutInRecovery(fileSystem, numbers)
      this.#count('power cut in recovery')
      this.#recovered(fileSystem.stateAfterCrash(drawCrash(numbers)), model, true)
    } else {
      const found = this.#recovered(fileSystem, model, powerCut)
      if (powerCut && drawn < 750) return
      // What recovery shows is durable: the next power cut takes nothing of it.
      this.#count('power cut after recovery')
      const again = fileSystem.stateAfterCrash({ keep: 'none' })
      sameRecords(recoverAndRead(this.#subject, again), found, 'after recovery and a power cut')
    }
  }

  #count(kind: StateKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
  }

  #recovered(fileSystem: SimulatedFileSystem, model: Model, powerCut: boolean): Found {
    const found = recoverAndRead(this.#subject, fileSystem)
    model.check(found, powerCut)
    if (lastLsnOf(found) < model.nextLsn - 1) this.withLosses++
    return found
  }

  /** Lets recovery come to some call, and no further. */
  #cutInRecovery(fileSystem: SimulatedFileSystem, numbers: Random): void {
    fileSystem.crashAfter(1 + numbers.below(RECOVERY_CALLS))
    try {
      recoverAndRead(this.#subject, fileSystem)
    } catch (error) {
      if (fileSystem.stoppedAt === undefined) throw error
    }
  }

  /** The log itself opens, reads, appends, closes, and verifies clean. */
  async #goOn(fileSystem: SimulatedFileSystem, model: Model, powerCut: boolean): Promise<void> {
    const { openLog, verifyLog } = this.#subject
    const opened = openLog(DIRECTORY, { fileSystem, segmentBytes: 16 * 1024, maxPendingBytes: 64 * 1024 })
    const log = await opened.catch((error: unknown) => {
      throw new Violation(`opening refuses: ${String(error)}`, { cause: error })
    })
    const found = await readAll(log)
    model.check(found, powerCut)
    const one = Buffer.alloc(3000, 'one')
    const two = [Buffer.alloc(900, 'two'), Buffer.alloc(20, 'three')]
    await Promise.all([log.append(one), log.appendMany(two)])
    const grown = { ...found, records: [...found.records, one, ...two] }
    sameRecords(await readAll(log), grown, 'after appending')
    await log.close()
    const { findings } = await verifyLog(DIRECTORY, { fileSystem })
    if (findings.length > 0) throw new Violation(`after closing verify says ${JSON.stringify(findings)}`)
    this.#count('power cut after recovery')
    const again = recoverAndRead(this.#subject, fileSystem.stateAfterCrash({ keep: 'none' }))
    sameRecords(again, grown, 'after closing and a power cut')
  }
}
