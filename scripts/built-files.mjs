/*
 * What a build leaves in `dist`, so that the next one has to compile only what has changed. tsc notes in `dist/.tsbuildinfo`
 * what it compiled, and believes that note: it looks neither at what became of its output, nor at the output of sources
 * that are gone. Hence a note of our own, `dist/.built`, with the hash of each file; it is written when all is done, and
 * taken away before anything begins. Where it is missing, or a file isn't what it says, nothing in `dist` is believed.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NOTE = '.built'

/** Prepares a build: takes away what no source of now would make again, and everything where that can't be told. */
export function clean(root) {
  const dist = join(root, 'dist')
  const noted = notedFiles(dist)
  rmSync(join(dist, NOTE), { force: true })
  const found = filesBelow(dist)
  if (noted === undefined || [...noted].some(([name, hash]) => !found.includes(name) || hashOf(dist, name) !== hash)) {
    rmSync(dist, { recursive: true, force: true })
    return
  }
  for (const name of found) if (!noted.has(name) || !hasSource(root, name)) rmSync(join(dist, name))
}

/** Notes what a build that is done has left. */
export function seal(root) {
  const dist = join(root, 'dist')
  const hashes = filesBelow(dist).map((name) => [name, hashOf(dist, name)])
  writeFileSync(join(dist, NOTE), JSON.stringify(hashes))
}

function notedFiles(dist) {
  try {
    return new Map(JSON.parse(readFileSync(join(dist, NOTE), 'utf8')))
  } catch {
    // There is none, or half of one: either way nothing is known.
    return undefined
  }
}

function filesBelow(dist) {
  if (!existsSync(dist)) return []
  const entries = readdirSync(dist, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory() && entry.name !== NOTE)
    .map((entry) => join(entry.parentPath, entry.name).slice(dist.length + 1))
}

function hashOf(dist, name) {
  return createHash('sha256')
    .update(readFileSync(join(dist, name)))
    .digest('base64')
}

/** Whether the TypeScript that this was made of is there; tsc's own note has none. */
function hasSource(root, name) {
  return name === '.tsbuildinfo' || existsSync(join(root, name.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts')))
}
