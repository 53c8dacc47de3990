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

/** A file's bytes as text; `undefined` where there is no such file. */
export function textOf(fs: SimulatedFileSystem, path: string): string | undefined {
  let fd: number
  try {
    fd = fs.openSync(path, 'read')
  } catch {
    return undefined
  }
  const buffer = Buffer.alloc(fs.sizeSync(fd))
  fs.readSync(fd, buffer, 0, buffer.length, 0)
  fs.closeSync(fd)
  return buffer.toString('latin1')
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
