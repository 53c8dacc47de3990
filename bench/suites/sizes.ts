import type { Workload } from '../closed-loop.js'
import { contendersOf, type LoadTrial, runInTurns, workloadsOf } from './load.js'
import { loadTable } from './load-table.js'
import type { Suite } from './suite.js'
import { bestPeerNote } from './throughput.js'

/** Records that are smaller and larger than those of the other suites, in a closed loop. */
export const sizes: Suite<LoadTrial> = {
  roundsMax: 2,
  async measure(bench, round, keep) {
    const { recordBytes, sizeConcurrency, sizeDrivers } = bench.settings
    for (const bytes of recordBytes) {
      for (const producers of sizeConcurrency) {
        const workload: Workload = { producers, recordBytes: bytes, recordsPerAppend: 1 }
        await runInTurns(bench, { suite: 'sizes', contenders: contendersOf(sizeDrivers), workload }, round, keep)
      }
    }
  },
  tables: (trials) =>
    workloadsOf(trials).map((workload) => loadTable(trials, workload, bestPeerNote(trials, workload))),
  figures: () => [],
}
