import { systemCode } from '../../src/errors.js'
import type { FileSystem } from '../../src/fs/file-system.js'
import type { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'

/** Text of one sector of the simulated disk: 512 times this letter. */
export function sector(letter: string): string {
  return letter.repeat(512)
}

export function writeText(fs: SimulatedFileSystem, fd: number, text: string, position = 0): void {
  const bytes = Buffer.from(text, 'latin1')
  fs.writeSync(fd, bytes, 0, bytes.length, position)
}

/** A file whose data and name are durable, opened for writing. */
export function durableFile(fs: SimulatedFileSystem, path: string, text: string): number {
  const fd = fs.openSync(path, 'create')
  writeText(fs, fd, text)
  fs.datasyncSync(fd)
  fs.syncDirectorySync(path.slice(0, path.lastIndexOf('/') + 1))
  return fd
}

/** A file's bytes. Fails with `ENOENT` where there is no such file. */
export function bytesOf(
  fs: Pick<FileSystem, 'openSync' | 'sizeSync' | 'readSync' | 'closeSync'>,
  path: string,
): Buffer {
  const fd = fs.openSync(path, 'read')
  const bytes = Buffer.alloc(fs.sizeSync(fd))
  for (let at = 0; at < bytes.length; ) at += fs.readSync(fd, bytes, at, bytes.length - at, at)
  fs.closeSync(fd)
  return bytes
}

/** A file's bytes as text; `undefined` where there is no such file. */
export function textOf(fs: SimulatedFileSystem, path: string): string | undefined {
  try {
    return bytesOf(fs, path).toString('latin1')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A file's sectors, one letter each: the letter that fills it, `.` for zeros, `?` for a mixture, `-` for no file. */
export function sectorsOf(fs: SimulatedFileSystem, path: string): string {
  const text = textOf(fs, path)
  if (text === undefined) return '-'
  const parts = text.match(/[\s\S]{1,512}/g) ?? []
  return parts
    .map((part) => (part.split(part.charAt(0)).length === part.length + 1 ? part.charAt(0) : '?'))
    .map((letter) => (letter === '\0' ? '.' : letter))
    .join('')
}

/** What is observed after crashing the same moment with many seeds, each thing once, sorted. */
export function outcomes(fs: SimulatedFileSystem, observe: (after: SimulatedFileSystem) => string): string[] {
  const seen = new Set<string>()
  for (let seed = 0; seed < 1000; seed++) seen.add(observe(fs.stateAfterCrash({ seed })))
  return [...seen].sort()
}
