import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { systemCode } from '../../../src/errors.js'
import type { Profile } from './operation.js'
import { BUILT_SOURCE, loadSubject, type Subject } from './subject.js'

/** A change to one compiled file: text that is there exactly once, and what takes its place. */
export interface Mutation {
  readonly file: string
  readonly text: string
  readonly becomes: string
}

/** A fault put into the durability path on purpose: the explorer has to find it. */
export interface Canary {
  readonly name: string
  readonly mutations: readonly Mutation[]
  /** The workloads that bring it out. */
  readonly profile: Profile
}

const CANARIES = new URL('../canaries/', BUILT_SOURCE)
const IMPORTED = /(?<=^(?:import|export)[^']* from ')\.[^']+(?=')/gm

/**
 * Makes a mutated build, and loads it. `remove` takes it away. Only what is mutated, or imports what is, are modules of its
 * own; all others are those of the build, which are loaded once for all canaries.
 */
export async function hatch(canary: Canary): Promise<{ readonly subject: Subject; readonly remove: () => void }> {
  const folder = new URL(`${process.pid}-${canary.name.replaceAll(/[^a-z]+/g, '-')}/`, CANARIES)
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true })
    removeEmptyFolder(CANARIES)
  }
  try {
    const build = new MutatedBuild(new URL('src/', folder), canary.mutations)
    const subject = await loadSubject((file) => build.addressOf(new URL(file, BUILT_SOURCE)))
    build.mustBeComplete()
    return { subject, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/**
 * The folder of all copies goes with the last of them. Other processes make and remove theirs meanwhile: so it is for the
 * system to say whether it is empty, in the same call that removes it.
 */
function removeEmptyFolder(folder: URL): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) throw error
  }
}

/** Writes the modules of a build that are not as they were. */
class MutatedBuild {
  readonly #source: URL
  readonly #mutations: readonly Mutation[]
  readonly #addresses = new Map<string, URL>()
  readonly #mutated = new Set<Mutation>()

  constructor(source: URL, mutations: readonly Mutation[]) {
    this.#source = source
    this.#mutations = mutations
  }

  /** The address of a module of the build, or of what takes its place, which is written with all that it needs. */
  addressOf(module: URL): URL {
    const known = this.#addresses.get(module.href)
    if (known !== undefined) return known
    const file = module.href.slice(BUILT_SOURCE.href.length)
    const before = readFileSync(module, 'utf8')
    const after = this.#mutate(file, before).replaceAll(IMPORTED, (path) => {
      const imported = new URL(path, module)
      const address = this.addressOf(imported)
      return address.href === imported.href ? path : address.href
    })
    const isSame = after === before
    const address = isSame ? module : new URL(file, this.#source)
    if (!isSame) this.#write(address, module, after)
    this.#addresses.set(module.href, address)
    return address
  }

  /** A canary that changes nothing would be thought to be caught, or not, for no reason. */
  mustBeComplete(): void {
    for (const mutation of this.#mutations) {
      if (!this.#mutated.has(mutation)) throw new Error(`nothing that is tested imports ${mutation.file}`)
    }
  }

  #mutate(file: string, source: string): string {
    let text = source
    for (const mutation of this.#mutations) {
      if (mutation.file !== file) continue
      const found = text.split(mutation.text).length - 1
      if (found !== 1) throw new Error(`${file} has this ${found} times, not once: ${mutation.text}`)
      text = text.replace(mutation.text, () => mutation.becomes)
      this.#mutated.add(mutation)
    }
    return text
  }

  /** What it imports of the build is named by its whole address: it lies elsewhere. */
  #write(address: URL, module: URL, text: string): void {
    mkdirSync(new URL('./', address), { recursive: true })
    writeFileSync(
      address,
      text.replaceAll(IMPORTED, (path) => new URL(path, module).href),
    )
  }
}
