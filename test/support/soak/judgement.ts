import type { Resources } from './resources.js'

const MIB = 2 ** 20

export interface Bound {
  /** By how much the median of the last third may exceed that of the first. */
  readonly growth: number
  readonly reason: string
}

/**
 * What counts as flat. The records that are appended between the middle of the first third and that of the last, in ten
 * minutes, are about a million: a leak of 100 bytes a record would show as 100 MiB. Each reopening is a chance for a
 * descriptor, a thread or the shared memory of a log (1 MiB) to stay behind: there are six between the two.
 */
export const BOUNDS: Readonly<Record<keyof Resources, Bound>> = {
  rss: { growth: 48 * MIB, reason: 'V8 and malloc give memory back late, and 256 KiB records leave holes' },
  heapUsed: { growth: 16 * MIB, reason: 'a sample can lie anywhere between two collections' },
  external: { growth: 12 * MIB, reason: 'buffers of records that were read go only with a collection' },
  arrayBuffers: { growth: 12 * MIB, reason: 'as external, of which it is a part' },
  descriptors: { growth: 3, reason: 'readers open a file for each read, and a short-lived process takes three pipes' },
  threads: { growth: 0, reason: 'there is one writer thread at any time, and Node’s own are there from early on' },
  disk: { growth: 16 * MIB, reason: 'trims leave a fixed number of segments, and readers hold them up by a few' },
  readerRss: { growth: 32 * MIB, reason: 'as rss, in a smaller process' },
  readerDescriptors: { growth: 2, reason: 'a file is open while it is read' },
}

export interface Verdict {
  readonly name: keyof Resources
  /** The medians of the first and of the last third, after warm-up. */
  readonly first: number
  readonly last: number
  readonly highest: number
  readonly growth: number
  readonly ok: boolean
}

/** Part of the samples, from the beginning on, in which caches fill, code is compiled and pools are started. */
const WARM_UP = 0.1
/** With fewer a median says nothing. */
const SAMPLES_MIN = 30

/** Whether each resource stayed flat; `undefined` where there are too few samples to tell. */
export function judge(samples: readonly Resources[], bounds = BOUNDS): readonly Verdict[] | undefined {
  if (samples.length < SAMPLES_MIN) return undefined
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP))
  const third = Math.floor(warm.length / 3)
  // Its keys are those of Resources, by its type.
  return (Object.keys(bounds) as (keyof Resources)[]).map((name) => {
    const values = warm.map((sample) => sample[name])
    const first = median(values.slice(0, third))
    const last = median(values.slice(-third))
    const { growth } = bounds[name]
    return { name, first, last, highest: Math.max(...values), growth, ok: last - first <= growth }
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}
