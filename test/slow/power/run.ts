import { existsSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Random } from '../../../src/testing/random.js'
import type { FileSystemKind } from './file-system-kinds.js'
import type { LoadRecords } from './load-record.js'

/** What the whole run was asked for. */
export interface RunSettings {
  readonly seed: number
  /** How much of everything, 1 being about five minutes' worth. */
  readonly rounds: number
  /** The names of the parts to run; all of them where it is empty. */
  readonly only: readonly string[]
}

/** A line of the table. */
export interface Row {
  readonly part: string
  /** A file system. */
  readonly on: string
  /** In words: what was done, and how often. */
  readonly tried: string
  /** Records that had been acknowledged, and were compared afterwards. */
  readonly checked: number
  readonly lost: number
  readonly problems: readonly string[]
}

/** What the parts have in common. */
export interface Run {
  /** On a tmpfs. */
  readonly folder: string
  readonly random: Random
  readonly settings: RunSettings
  readonly kinds: readonly FileSystemKind[]
  readonly records: LoadRecords
  /** Each process that appends has its own; it may use the 999 that follow too. */
  nextGeneration(): number
  /** A new name in `folder`. */
  newPath(what: string): string
  add(row: Row): void
  /** Something that can't be tried here, and what it lacks. */
  skip(what: string): void
}

/** So many, for this run: at least one. */
export function scaled(run: Run, count: number): number {
  return Math.max(1, Math.round(count * run.settings.rounds))
}

/** Whether there can be a disk with a volatile cache; where not, it says so. */
export function hasFuse(run: Run, part: string): boolean {
  if (existsSync('/dev/fuse')) return true
  run.skip(
    `${part}: there is no /dev/fuse for the disk whose cache is volatile (modprobe fuse, or a kernel with CONFIG_FUSE_FS)`,
  )
  return false
}

/** Where a program lies; `undefined` where there is none. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path) && statSync(path).isFile() && (statSync(path).mode & 0o111) !== 0)
}
