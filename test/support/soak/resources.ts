import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What a process takes up. Bytes, but for descriptors and threads. */
export interface Resources {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
  readonly descriptors: number
  readonly threads: number
  /** The log's folder, as allocated. */
  readonly disk: number
  /** The longest-lived reader's process. */
  readonly readerRss: number
  readonly readerDescriptors: number
}

/** Why nothing can be sampled here; `undefined` where it can. */
export function missingProc(): string | undefined {
  return process.platform === 'linux' ? undefined : 'descriptors and threads are counted in /proc, which only Linux has'
}

export function sampleResources(directory: string, readerPid: number): Resources {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  return {
    rss,
    heapUsed,
    external,
    arrayBuffers,
    descriptors: countOf('/proc/self/fd'),
    threads: countOf('/proc/self/task'),
    disk: diskBytes(directory),
    readerRss: rssOf(readerPid),
    readerDescriptors: countOf(`/proc/${readerPid}/fd`),
  }
}

/** The open descriptors of this process whose files lie below a folder, by their paths. */
export function openFilesBelow(root: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(root) ? [path] : []
    } catch {
      return [] // Listing the folder takes a descriptor itself.
    }
  })
}

export function diskBytes(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => {
    // A file may be trimmed away, or be renamed, in the meantime.
    const stat = lstatSync(join(directory, name), { throwIfNoEntry: false })
    return sum + (stat === undefined ? 0 : stat.blocks * 512)
  }, 0)
}

function countOf(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch {
    return 0 // That process has ended.
  }
}

function rssOf(pid: number): number {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kib) * 1024
  } catch {
    return 0
  }
}
