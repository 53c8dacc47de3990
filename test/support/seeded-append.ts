import { random } from './random.js'

/** What one call appends: all of it follows from a seed, so that whoever knows the seed can tell what must be there. */
export interface SeededAppend {
  /** Whether it is an `appendMany`. */
  readonly many: boolean
  readonly records: readonly (string | Buffer)[]
}

const TEXT = 'æøå 日本 🌊 sluice '

/** Mostly small records, some large ones, some empty; strings and bytes; alone and many at once. */
export function seededAppend(seed: number): SeededAppend {
  const { below } = random(seed)
  const many = below(6) === 0
  const count = many ? 1 + below(12) : 1
  const records = Array.from({ length: count }, () => {
    const bytes = [0, below(8), below(300), below(300), below(4_000), below(40_000)][below(6)] ?? 0
    return below(3) === 0 ? seededText(bytes, below(2 ** 32)) : seededBytes(bytes, below(2 ** 32))
  })
  return { many, records }
}

/** About so many bytes of text that UTF-8 takes more than a byte each for. */
export function seededText(bytes: number, seed: number): string {
  return `${seed.toString(36)}${TEXT.repeat(Math.ceil(bytes / TEXT.length))}`.slice(0, bytes / 2).toWellFormed()
}

export function seededBytes(bytes: number, seed: number): Buffer {
  const data = Buffer.alloc(bytes)
  let state = seed | 1
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    data[at] = state >>> 24
  }
  return data
}
