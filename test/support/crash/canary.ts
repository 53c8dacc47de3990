import { linkSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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

/** What no part of a subject imports: the stores that stand on a log, and the command. An import of it would fail. */
const LEFT_OUT = new Set(['cli', 'events', 'snapshot', 'state', 'write-behind'])

/**
 * Makes a mutated build, and loads it. `remove` takes it away. The files that no mutation changes are links to those of the
 * build, under addresses of their own: they are modules of their own, and nothing is copied.
 */
export async function hatch(canary: Canary): Promise<{ readonly subject: Subject; readonly remove: () => void }> {
  const source = new URL(`${process.pid}-${canary.name.replaceAll(/[^a-z]+/g, '-')}/src/`, CANARIES)
  const folder = fileURLToPath(new URL('../', source))
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true })
    removeEmptyFolder(CANARIES)
  }
  try {
    linkModules(BUILT_SOURCE, source)
    for (const mutation of canary.mutations) mutate(new URL(mutation.file, source), mutation)
    return { subject: await loadSubject(source), remove }
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

function linkModules(from: URL, to: URL): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!LEFT_OUT.has(entry.name)) linkModules(new URL(`${entry.name}/`, from), new URL(`${entry.name}/`, to))
    } else if (entry.name.endsWith('.js')) {
      linkSync(new URL(entry.name, from), new URL(entry.name, to))
    }
  }
}

function mutate(file: URL, { file: name, text, becomes }: Mutation): void {
  const before = readFileSync(file, 'utf8')
  const found = before.split(text).length - 1
  // A canary that changes nothing would be thought to be caught, or not, for no reason.
  if (found !== 1) throw new Error(`${name} has this ${found} times, not once: ${text}`)
  // The file is the build's own, by another name: what is written must be a new one.
  rmSync(file)
  writeFileSync(
    file,
    before.replace(text, () => becomes),
  )
}
