import { createRequire } from 'node:module'

/*
 * The peers are installed apart, in the bench folder of the sources (`npm ci --prefix bench`), and never depended on:
 * what is compiled lies in dist/bench, and is built without them. Each driver describes what it uses of its peer.
 */
const require = createRequire(new URL('../../../bench/package.json', import.meta.url))

/** Says which of these packages can't be loaded: not installed, or not built for this machine. */
export function whyPackageMissing(...names: readonly string[]): string | undefined {
  for (const name of names) {
    try {
      require(name)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'MODULE_NOT_FOUND') return `${name} is not installed: npm ci --prefix bench`
      return `${name} can't be loaded: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  return undefined
}

/** Loads a peer. `Module` is the part of it that the caller uses. */
export function loadPeer<Module>(name: string): Module {
  // The peer's own types are not there when the benchmark is built; each driver states those that it relies on.
  return require(name) as Module
}
