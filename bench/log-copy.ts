import { closeSync, copyFileSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstLsnOfName } from '../src/format/file-names.js'

/**
 * Copies the folder of a log as its killed writer left it. Sealed segments are never changed again, so a link to each is
 * enough. What was copied is synced, so that writing it back disturbs nothing that is measured, and lies in the page cache.
 */
export function copyLog(from: string, to: string): void {
  mkdirSync(to)
  const names = readdirSync(from).sort()
  const last = names.filter((name) => firstLsnOfName(name) !== undefined).at(-1)
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)]
    if (firstLsnOfName(name) !== undefined && name !== last) {
      linkSync(source, target)
      continue
    }
    copyFileSync(source, target)
    const fd = openSync(target, 'r')
    fsyncSync(fd)
    closeSync(fd)
  }
  // The kernel may have copied without the page cache.
  if (last !== undefined) readFileSync(join(to, last))
}
