import type { Random } from './random.js'
import type { SimulatedFile } from './simulated-file.js'
import { type CallRange, drawState, type Survival } from './survival.js'

/** What a name in a folder stands for. */
export type SimulatedNode = SimulatedFile | SimulatedFolder

interface EntryVersion {
  readonly call: number
  /** `undefined`: the name was removed. */
  readonly node: SimulatedNode | undefined
}

interface UnsyncedEntry {
  /** Oldest first; the last one is what is seen. */
  readonly versions: EntryVersion[]
  /** Whether a sync will write it: one that failed has cleared this. */
  dirty: boolean
}

/** Copies of the nodes that were reached so far: a file with two names stays one file. */
export type CopiedNodes = Map<SimulatedNode, SimulatedNode>

/** A folder in memory, which knows which of its entries are durable, and what else the disk may hold for each name. */
export class SimulatedFolder {
  readonly #durable = new Map<string, SimulatedNode>()
  readonly #unsynced = new Map<string, UnsyncedEntry>()

  get(name: string): SimulatedNode | undefined {
    const entry = this.#unsynced.get(name)
    return entry === undefined ? this.#durable.get(name) : entry.versions.at(-1)?.node
  }

  names(): string[] {
    return [...this.#knownNames()].filter((name) => this.get(name) !== undefined)
  }

  /** What is seen in here. */
  nodes(): SimulatedNode[] {
    return [...this.#knownNames()].flatMap((name) => this.get(name) ?? [])
  }

  /** Puts a node under this name, in the place of the one that was there; `undefined` removes the name. */
  set(call: number, name: string, node: SimulatedNode | undefined): void {
    const entry = this.#unsynced.get(name)
    if (entry === undefined) {
      this.#unsynced.set(name, { versions: [{ call, node }], dirty: true })
    } else {
      entry.versions.push({ call, node })
      entry.dirty = true
    }
  }

  /** Makes the entries durable: not what the names stand for. */
  sync(): void {
    for (const [name, { versions, dirty }] of this.#unsynced) {
      if (!dirty) continue
      const node = versions.at(-1)?.node
      if (node === undefined) this.#durable.delete(name)
      else this.#durable.set(name, node)
      this.#unsynced.delete(name)
    }
  }

  /** What was dirty stays visible, and counts as clean from now on. */
  failSync(): void {
    for (const entry of this.#unsynced.values()) entry.dirty = false
  }

  /** The calls whose changes are not durable, in here and in all that is reached from here. */
  unsyncedCalls(): CallRange | undefined {
    let first = Number.POSITIVE_INFINITY
    let last = 0
    const include = (range: CallRange | undefined): void => {
      first = Math.min(first, range?.first ?? first)
      last = Math.max(last, range?.last ?? last)
    }
    for (const { versions } of this.#unsynced.values()) {
      for (const { call } of versions) include({ first: call, last: call })
    }
    for (const node of this.#everyNode()) {
      include(node instanceof SimulatedFolder ? node.unsyncedCalls() : node.unsyncedCalls)
    }
    return last === 0 ? undefined : { first, last }
  }

  /** This folder, and all that is reached from it, as it is found after a power cut. */
  afterCrash(random: Random, shared: Survival | undefined, copied: CopiedNodes): SimulatedFolder {
    const after = new SimulatedFolder()
    copied.set(this, after)
    for (const name of this.#knownNames()) {
      const versions = this.#unsynced.get(name)?.versions ?? []
      const state = drawState(random, shared ?? { kind: 'each' }, versions)
      const node = state === 0 ? this.#durable.get(name) : versions[state - 1]?.node
      if (node === undefined) continue
      let copy = copied.get(node)
      if (copy === undefined) {
        copy =
          node instanceof SimulatedFolder ? node.afterCrash(random, shared, copied) : node.afterCrash(random, shared)
        copied.set(node, copy)
      }
      after.#durable.set(name, copy)
    }
    return after
  }

  /** This folder, and all that is reached from it, as another process finds it after this one was killed. */
  afterKill(copied: CopiedNodes): SimulatedFolder {
    const after = new SimulatedFolder()
    copied.set(this, after)
    const copyOf = (node: SimulatedNode): SimulatedNode => {
      let copy = copied.get(node)
      if (copy === undefined) {
        copy = node instanceof SimulatedFolder ? node.afterKill(copied) : node.afterKill()
        copied.set(node, copy)
      }
      return copy
    }
    for (const [name, node] of this.#durable) after.#durable.set(name, copyOf(node))
    for (const [name, { versions, dirty }] of this.#unsynced) {
      const copies = versions.map(({ call, node }) => ({ call, node: node === undefined ? undefined : copyOf(node) }))
      after.#unsynced.set(name, { versions: copies, dirty })
    }
    return after
  }

  #knownNames(): Set<string> {
    return new Set([...this.#durable.keys(), ...this.#unsynced.keys()])
  }

  #everyNode(): Set<SimulatedNode> {
    const removed = [...this.#unsynced.values()].flatMap(({ versions }) => versions.flatMap(({ node }) => node ?? []))
    return new Set([...this.#durable.values(), ...removed])
  }
}
