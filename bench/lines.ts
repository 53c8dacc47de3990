import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Random } from '../src/testing/random.js'

/** Lines to replay: those of a file, or made ones, the same for the same seed. */
export type LineSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'seed'; readonly seed: number }

const MADE_LINES = 10_000
/** The lengths of a web server's access log: half of its lines are longer than this, and few are far longer. */
const MEDIAN_BYTES = 231
const SHORTEST_BYTES = 81
const LONGEST_BYTES = 1363
/** Of the logarithm of the length. */
const SPREAD = 0.35
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789/ ."-:'

export function randomSeed(): number {
  return randomInt(2 ** 32)
}

export function linesOf(source: LineSource): readonly Buffer[] {
  const lines = source.kind === 'file' ? readLines(source.path) : makeLines(source.seed, MADE_LINES)
  if (lines.length === 0) throw new Error('there are no lines to replay')
  return lines
}

export function meanBytes(lines: readonly Buffer[]): number {
  return Math.round(lines.reduce((sum, line) => sum + line.length, 0) / lines.length)
}

/** What was replayed, without the path, which says nothing elsewhere. */
export function describeLines(source: LineSource, lines: readonly Buffer[]): string {
  const lengths = Uint32Array.from(lines, (line) => line.length).sort()
  const at = (share: number): number => lengths[Math.floor(share * (lengths.length - 1))] ?? 0
  const what = source.kind === 'file' ? 'lines of a real log' : `made lines (seed ${source.seed})`
  return `${lines.length.toLocaleString('en-US')} ${what}, ${at(0)} to ${at(1)} bytes, median ${at(0.5)}, mean ${meanBytes(lines)}`
}

function readLines(path: string): Buffer[] {
  const bytes = readFileSync(path)
  const lines: Buffer[] = []
  let begin = 0
  for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', begin)) {
    if (end > begin) lines.push(bytes.subarray(begin, end))
    begin = end + 1
  }
  if (begin < bytes.length) lines.push(bytes.subarray(begin))
  return lines
}

function makeLines(seed: number, count: number): Buffer[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const wanted = MEDIAN_BYTES * Math.exp(SPREAD * normal(random))
    const length = Math.round(Math.min(LONGEST_BYTES, Math.max(SHORTEST_BYTES, wanted)))
    return Buffer.from(Array.from({ length }, () => LETTERS.charCodeAt(random.below(LETTERS.length))))
  })
}

/** A sum of twelve evenly spread numbers is near enough to a normal one, and has no tail to speak of. */
function normal(random: Random): number {
  let sum = -6
  for (let i = 0; i < 12; i += 1) sum += random.next() / 2 ** 32
  return sum
}
