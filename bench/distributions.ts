import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Latencies } from './latencies.js'

/** What a distribution belongs to. */
export interface DistributionKey {
  readonly suite: string
  readonly label: string
  /** Producers in a closed loop, arrivals a second in an open one. */
  readonly load: number
  readonly recordBytes: number
}

/** Where a distribution is told: closer together where its tail begins, as in an HDR plot. */
export const PERCENTILES = [
  ...[0, 25, 50, 75, 87.5, 90, 93.75, 95, 97.5, 98.75, 99, 99.5, 99.75],
  ...[99.9, 99.95, 99.975, 99.99, 99.995, 99.999, 100],
] as const

/** One distribution over all rounds. The milliseconds at PERCENTILES; those that too few samples would tell are left out. */
export interface Distribution extends DistributionKey {
  readonly samples: number
  readonly ms: readonly number[]
}

/** Merges the latencies of all rounds of the same thing. */
export class Distributions {
  readonly #merged = new Map<string, { key: DistributionKey; latencies: Latencies }>()

  add(key: DistributionKey, encoded: string): void {
    const name = fileNameOf(key)
    const latencies = Latencies.decode(encoded)
    const found = this.#merged.get(name)
    if (found === undefined) this.#merged.set(name, { key, latencies })
    else found.latencies.add(latencies)
  }

  rows(): Distribution[] {
    return [...this.#merged.values()].map(({ key, latencies }) => ({
      ...key,
      samples: latencies.count,
      ms: PERCENTILES.filter((percent) => isTold(percent, latencies.count)).map((percent) => latencies.msAt(percent)),
    }))
  }

  /** Writes a .hgrm file for each, as the plotters of HdrHistogram read them. */
  write(directory: string): void {
    mkdirSync(directory, { recursive: true })
    for (const [name, { latencies }] of this.#merged) {
      writeFileSync(join(directory, `${name}.hgrm`), latencies.percentileDistribution())
    }
  }
}

/** Whether so many samples tell that percentile: at least one has to lie beyond it. The largest always is. */
export function isTold(percent: number, samples: number): boolean {
  return samples > 0 && (percent === 100 || samples * (1 - percent / 100) >= 1)
}

function fileNameOf({ suite, label, load, recordBytes }: DistributionKey): string {
  return [suite, label, load, `${recordBytes}B`].join('-').replace(/[^A-Za-z0-9.-]+/g, '_')
}
