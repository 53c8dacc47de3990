import { linesOf, meanBytes } from '../lines.js'
import { contendersOf, type LoadTrial, runInTurns, workloadsOf } from './load.js'
import { loadTable } from './load-table.js'
import type { Suite } from './suite.js'
import { bestPeerNote } from './throughput.js'

/** A log of another program, line by line: records of many lengths. */
export const replay: Suite<LoadTrial> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    const recordBytes = meanBytes(linesOf(bench.lines))
    const { sizeConcurrency, sizeDrivers } = bench.settings
    for (const producers of sizeConcurrency) {
      const workload = { producers, recordBytes, recordsPerAppend: 1 }
      const contenders = contendersOf(sizeDrivers)
      await runInTurns(bench, { suite: 'replay', contenders, workload, lines: bench.lines }, round, keep)
    }
  },
  tables: (trials) =>
    workloadsOf(trials).map((workload) =>
      loadTable(trials, workload, [
        'A log replayed line by line; its size is the mean. device writes as many bytes as lines of the mean length would have.',
        ...bestPeerNote(trials, workload),
      ]),
    ),
  figures: () => [],
}
