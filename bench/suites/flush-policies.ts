import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { type Contender, type LoadTrial, runInTurns, workloadsOf } from './load.js'
import { loadTable } from './load-table.js'
import type { Suite } from './suite.js'

const PRODUCERS = [1, 64, 1024] as const
const CONTENDERS: readonly Contender[] = [
  { label: "'batch'", driver: 'sluice' },
  { label: "'immediate'", driver: 'sluice', logOptions: { flush: 'immediate' } },
  { label: 'everyMs 5', driver: 'sluice', logOptions: { flush: { everyMs: 5 } } },
  { label: 'everyMs 5, written', driver: 'sluice', logOptions: { flush: { everyMs: 5 }, ack: 'written' } },
  {
    label: 'everyRecords 1000 or 5 ms',
    driver: 'sluice',
    logOptions: { flush: { everyRecords: 1000, everyMs: 5 } },
  },
  {
    label: 'everyRecords 1000, written',
    driver: 'sluice',
    logOptions: { flush: { everyRecords: 1000 }, ack: 'written' },
  },
  { label: "'batch', written", driver: 'sluice', logOptions: { ack: 'written' } },
  { label: "'never'", driver: 'sluice', logOptions: { flush: 'never' } },
]

/** What each policy costs, and what waiting for less than durability saves. */
export const flushPolicies: Suite<LoadTrial> = {
  roundsMax: 2,
  async measure(bench, round, keep) {
    for (const producers of PRODUCERS) {
      const workload: Workload = { producers, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
      await runInTurns(bench, { suite: 'flush-policies', contenders: CONTENDERS, workload }, round, keep)
    }
  },
  tables: (trials) =>
    workloadsOf(trials).map((workload) =>
      loadTable(
        trials,
        workload,
        [
          "flush of sluice; its appends resolve once durable, but for 'never' and where it says written: those survive the process, not a power cut.",
        ],
        CONTENDERS.map(({ label }) => label),
      ),
    ),
  figures: () => [],
}
