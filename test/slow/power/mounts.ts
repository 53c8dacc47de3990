import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { FileSystemKind } from './file-system-kinds.js'

/**
 * Runs a command to its end, and returns what it said. Throws where it fails. All mounts are made in a mount namespace of
 * this run's own, and loop devices only by mount(8), which has the kernel give them up with the mount: so nothing of them
 * is left, whatever ends the run.
 */
export function command(name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}

/** Makes an image with an empty file system on it. */
export function makeImage(path: string, kind: FileSystemKind): string {
  const fd = openSync(path, 'wx')
  ftruncateSync(fd, kind.imageBytes)
  closeSync(fd)
  const [program = '', ...args] = kind.make
  command(program, ...args, path)
  return path
}

export function mountImage(image: string, folder: string, kind: FileSystemKind, options: readonly string[] = []): void {
  mkdirSync(folder, { recursive: true })
  command('mount', '-t', kind.name, '-o', ['loop', ...kind.mountOptions, ...options].join(','), image, folder)
}

export function mountTmpfs(folder: string, size: string): void {
  mkdirSync(folder, { recursive: true })
  command('mount', '-t', 'tmpfs', '-o', `size=${size},mode=700`, 'sluice-power', folder)
}

/** A process that was killed a moment ago can leave a short-lived one of its own, which keeps the mount busy. */
export async function unmount(folder: string): Promise<void> {
  for (let attempts = 50; ; attempts--) {
    try {
      command('umount', folder)
      return
    } catch (error) {
      if (attempts === 0 || !String(error).includes('busy')) throw error
      await delay(20)
    }
  }
}

/** Copies an image, holes as holes. */
export function copyImage(from: string, to: string): string {
  command('cp', '--sparse=always', from, to)
  return to
}
