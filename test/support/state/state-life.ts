import fc from 'fast-check'
import { systemCode } from '../../../src/errors.js'
import type { Migration, StateOptions, StateStore } from '../../../src/state/contract.js'
import { openStateStore } from '../../../src/state/open-state-store.js'
import { SimulatedFileSystem } from '../../../src/testing/index.js'
import { bytesOf } from '../simulated-files.js'
import { type Item, itemOf, type ModelStep, numbersOf, StateModel, shownState } from './state-model.js'

/** Where the stores of these tests lie, and the file beside them. */
export const STORE = '/data/players'
export const JSON_PATH = '/data/players.json'

export const KEYS = ['', 'a', 'b', 'a:1', '__proto__', 'constructor', 'ключ 🗝', '\ud800', 'long '.repeat(60)]

/** What is done with a store. */
export type Act =
  | { readonly kind: 'set'; readonly key: number; readonly n: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'update'; readonly key: number }
  | { readonly kind: 'transact'; readonly from: number; readonly to: number; readonly fails: boolean }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'turns'; readonly turns: number }
  | { readonly kind: 'settle' }

/** The life of one process, up to its end. */
export interface Life {
  readonly acts: readonly Act[]
  /** The world stops at this call of the file system, or after the last act. */
  readonly stopAt: number
  readonly end: 'power cut' | 'kill' | 'close'
  readonly seed: number
  /** Whether the program is a newer one, with one more migration. */
  readonly migrates: boolean
}

const key = fc.nat({ max: KEYS.length - 1 })

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key, n: fc.nat({ max: 99 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('update' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('transact' as const), from: key, to: key, fails: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turns' as const), turns: fc.nat({ max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
)

export const lives: fc.Arbitrary<readonly Life[]> = fc.array(
  fc.record({
    acts: fc.array(act, { maxLength: 25, size: 'max' }),
    stopAt: fc.integer({ min: 1, max: 260 }),
    end: fc.constantFrom('power cut' as const, 'kill' as const, 'close' as const),
    seed: fc.nat(),
    migrates: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5, size: 'max' },
)

const MIGRATIONS: Readonly<Record<number, Migration>> = Object.fromEntries(
  [2, 3, 4, 5, 6, 7].map((version) => [
    version,
    (value: unknown) => ({ ...(value as Item), version }), // The values of these tests are items.
  ]),
)

/** A store whose files lie on a simulated disk, and that is ended again and again. */
export class StateLives {
  fileSystem = new SimulatedFileSystem()
  model = new StateModel()
  version = 1
  #clock = 1_700_000_000_000

  options(): StateOptions {
    return {
      fileSystem: this.fileSystem,
      compaction: { logBytes: 4096, ratio: 0 },
      // Every checkpoint but the newest is compressed as soon as it can be.
      backups: { keep: 2, gzipAfterMs: 0, daily: 1 },
      json: { name: 'players.json', debounceMs: 0 },
      schemaVersion: this.version,
      migrations: Object.fromEntries(Object.entries(MIGRATIONS).filter(([version]) => Number(version) <= this.version)),
      log: { segmentBytes: 16 * 1024, maxPendingBytes: 64 * 1024 },
      now: () => {
        this.#clock += 3_600_000
        return this.#clock
      },
    }
  }

  /** Opens the store, on a sound disk, and fails where it has not what it must have. */
  async check(): Promise<void> {
    const store = await openStateStore<Item>(STORE, this.options())
    const found = numbersOf(store, this.version)
    if (!this.model.isPossible(found)) {
      const wanted = this.model.steps
        .map((_, index) => index + 1)
        .filter((steps) => steps >= this.model.acknowledgedSteps)
        .map((steps) => shownState(this.model.after(steps)))
      throw new Error(`found ${shownState(found)}\nnot one of\n${wanted.join('\n') || shownState(this.model.now)}`)
    }
    if (store.recovery.damaged.length > 0) throw new Error('a crash damaged a snapshot')
    if (store.recovery.missing.length > 0) throw new Error('a crash took a snapshot')
    await this.#checkPast(store)
    await store.close()
    const json: Record<string, Item> = JSON.parse(this.textOf(JSON_PATH)) // The store wrote items.
    const beside = new Map(Object.entries(json).map(([name, { n }]) => [name, n]))
    if (shownState(beside) !== shownState(found)) throw new Error(`the JSON file has ${shownState(beside)}`)
    if (this.fileSystem.openPaths.length > 0) throw new Error(`left open: ${this.fileSystem.openPaths.join()}`)
    this.model = new StateModel(found)
  }

  async live({ acts, stopAt, end, seed, migrates }: Life): Promise<void> {
    if (migrates && this.version < 7) this.version++
    if (end !== 'close') this.fileSystem.crashAfter(stopAt)
    let store: StateStore<Item> | undefined
    const pending: Promise<unknown>[] = []
    try {
      store = await openStateStore<Item>(STORE, this.options())
      store.on('checkpointFailed', () => {}).on('jsonFailed', () => {})
      for (const each of acts) {
        if (each.kind === 'settle') await Promise.all(pending)
        else if (each.kind === 'turns') await turns(each.turns)
        else pending.push(this.#act(store, each))
        if (this.fileSystem.stoppedAt !== undefined) break
      }
      if (end === 'close') await Promise.all(pending)
    } catch (error) {
      if (this.fileSystem.stoppedAt === undefined) throw error
    }
    await Promise.allSettled(pending)
    if (end === 'close') {
      await store?.close()
      return
    }
    const before = this.fileSystem
    this.fileSystem = end === 'kill' ? before.killProcess() : before.crash({ seed })
    await store?.close().catch(() => {}) // Of a process that is gone: only its timers are to end.
  }

  textOf(path: string): string {
    return bytesOf(this.fileSystem, path).toString()
  }

  async #act(store: StateStore<Item>, each: Act): Promise<void> {
    const { model, version } = this
    if (each.kind === 'checkpoint') {
      await store.checkpoint()
    } else if (each.kind === 'set') {
      const key = keyOf(each.key)
      const written = store.set(key, itemOf(each.n, version))
      await acknowledging(model.write([[key, each.n]]), written)
    } else if (each.kind === 'delete') {
      const key = keyOf(each.key)
      const deleted = store.delete(key)
      await acknowledging(model.write([[key, undefined]]), deleted)
    } else if (each.kind === 'update') {
      const key = keyOf(each.key)
      const updated = store.update(key, (item) => itemOf((item?.n ?? 0) + 1, version))
      await acknowledging(model.write([[key, (model.now.get(key) ?? 0) + 1]]), updated)
    } else if (each.kind === 'transact') {
      await this.#transfer(store, each)
    }
  }

  /** Moves one from a key to another: all of it, or nothing. */
  async #transfer(store: StateStore<Item>, { from, to, fails }: Extract<Act, { kind: 'transact' }>): Promise<void> {
    const { model, version } = this
    const [source, target] = [keyOf(from), keyOf(to)]
    const done = store.transact((tx) => {
      const n = tx.get(source)?.n ?? 0
      tx.delete(source)
      tx.set(target, itemOf((tx.get(target)?.n ?? 0) + n, version))
      if (fails) throw new RangeError('no')
    })
    if (fails) {
      const told = await done.catch((error: unknown) => error)
      if (!(told instanceof RangeError)) throw new Error(`a transaction that threw told ${String(told)}`)
      return
    }
    const n = model.now.get(source) ?? 0
    const sum = source === target ? n : (model.now.get(target) ?? 0) + n
    const changes: [string, number | undefined][] = source === target ? [] : [[source, undefined]]
    await acknowledging(model.write([...changes, [target, source === target ? 0 + n : sum]]), done)
  }

  /** What was acknowledged with an LSN is what can be read of that moment, as far back as it reaches. */
  async #checkPast(store: StateStore<Item>): Promise<void> {
    for (const [index, { acknowledged }] of this.model.steps.entries()) {
      if (acknowledged === undefined || acknowledged === 0 || index % 3 !== 0) continue
      const restored = await store.restore({ at: acknowledged }).catch((error: unknown) => {
        if (systemCode(error) !== 'SLUICE_TRIMMED') throw error
        return undefined
      })
      if (restored === undefined) continue
      const [found, wanted] = [numbersOf(restored, this.version), this.model.after(index + 1)]
      if (shownState(found) !== shownState(wanted)) {
        throw new Error(`at ${acknowledged}: found ${shownState(found)}, not ${shownState(wanted)}`)
      }
    }
  }
}

async function acknowledging(step: ModelStep, write: Promise<unknown>): Promise<void> {
  const told = await write
  step.acknowledged = typeof told === 'number' ? told : 0
}

function keyOf(index: number): string {
  return KEYS[index] ?? ''
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
