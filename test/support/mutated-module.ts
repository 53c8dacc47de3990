import { readFileSync } from 'node:fs'

/** A change to one compiled file: text that is there exactly once, and what takes its place. */
export interface ModuleMutation {
  /** Below `dist/src`. */
  readonly file: string
  readonly text: string
  readonly becomes: string
}

const BUILT = new URL('../../src/', import.meta.url)
const IMPORTED = /(?<=^(?:import|export)[^']* from ')\.[^']+(?=')/gm

/**
 * Imports a compiled module with a fault in it, or in something that it imports. Nothing is written: modules that know of
 * the mutated one are imported as text, all others are those of the build itself.
 */
export async function importMutated(entry: string, mutation: ModuleMutation): Promise<unknown> {
  const mutated = new URL(mutation.file, BUILT).href
  const sources = new Map<string, string>()
  /** The address of a module as it has to be imported; its own where it doesn't know of the mutated one. */
  const addressOf = (url: string): string => {
    const known = sources.get(url)
    if (known !== undefined) return known
    const text = readFileSync(new URL(url), 'utf8').replace(/^\/\/# sourceMappingURL.*$/m, '')
    let touched = url === mutated
    const rewritten = (touched ? mutate(text, mutation) : text).replaceAll(IMPORTED, (path) => {
      const imported = new URL(path, url).href
      const address = addressOf(imported)
      touched ||= address !== imported
      return address
    })
    const address = touched ? `data:text/javascript;base64,${Buffer.from(rewritten).toString('base64')}` : url
    sources.set(url, address)
    return address
  }
  const address = addressOf(new URL(entry, BUILT).href)
  if (!address.startsWith('data:')) throw new Error(`${entry} has nothing to do with ${mutation.file}`)
  return import(address)
}

function mutate(source: string, { file, text, becomes }: ModuleMutation): string {
  const found = source.split(text).length - 1
  // A mutation that changes nothing would be thought to be caught, or not, for no reason.
  if (found !== 1) throw new Error(`${file} has this ${found} times, not once: ${text}`)
  return source.replace(text, () => becomes)
}
