import { join } from 'node:path'
import { copyLog } from '../log-copy.js'
import { spreadOf } from '../statistics.js'
import { shown } from '../table.js'
import { removeDirectory } from '../trials.js'
import { reached, type Suite } from './suite.js'

const MB = 1e6

/** One killed log, recovered twice. */
export interface RecoveryTrial {
  readonly round: number
  readonly records: number
  readonly rewrittenRecords: number
  readonly bytesRead: number
  /** Its pages not cached: it was written past the page cache. */
  readonly uncachedRecoveryMs: number
  readonly uncachedOpenMs: number
  /** A copy of it, its pages cached. */
  readonly cachedRecoveryMs: number
  readonly cachedOpenMs: number
  /** A bare loop that reads the same frames, cached too, and checks their checksums. */
  readonly scanMs: number
  readonly scanBytes: number
}

/** How fast the last segment is read back after the writing process was killed. */
export const recovery: Suite<RecoveryTrial> = {
  roundsMax: Number.POSITIVE_INFINITY,
  async measure(bench, round, keep) {
    const { trials, settings } = bench
    const directory = trials.makeDirectory()
    const killed = join(directory, 'killed')
    bench.progress('filling a segment, and killing the writer')
    const bytes = settings.recoveryBytes
    const written = await trials.runAndKill({ kind: 'append-until-killed', directory: killed, bytes })
    bench.progress('copying it')
    const copy = join(directory, 'copy')
    copyLog(killed, copy)
    bench.progress('scanning and recovering it')
    const scan = await trials.run({ kind: 'scan', directory: copy, which: 'all' })
    const cached = await trials.run({ kind: 'open', directory: copy })
    removeDirectory(copy)
    const opened = await trials.run({ kind: 'open', directory: killed })
    for (const { cleanShutdown, records } of [cached, opened]) {
      if (cleanShutdown) throw new Error('the log was found closed, though its writer was killed')
      if (records < written.durableRecords || records < scan.records) {
        throw new Error(`${written.durableRecords} records were durable, and ${records} were recovered`)
      }
    }
    removeDirectory(directory)
    keep({
      round,
      records: opened.records,
      rewrittenRecords: opened.rewrittenRecords,
      bytesRead: opened.bytesRead,
      uncachedRecoveryMs: opened.recoveryMs,
      uncachedOpenMs: opened.openMs,
      cachedRecoveryMs: cached.recoveryMs,
      cachedOpenMs: cached.openMs,
      scanMs: scan.scanMs,
      scanBytes: scan.bytes,
    })
  },
  tables(trials) {
    if (trials.length === 0) return []
    const row = (name: string, figure: (trial: RecoveryTrial) => number): string[] => {
      const { median, min, max } = spreadOf(trials.map(figure))
      return [name, shown(median), shown(min), shown(max)]
    }
    return [
      {
        title: 'Recovering the last segment after a SIGKILL',
        head: ['', 'median', 'from', 'to'],
        rows: [
          row('bare scan of the same frames, cached, MB/s', (trial) => speed(trial.scanBytes, trial.scanMs)),
          row('recovery, cached, MB/s', (trial) => speed(trial.bytesRead, trial.cachedRecoveryMs)),
          row('recovery ÷ bare scan, cached', ratioOf),
          row('recovery, not cached, MB/s', (trial) => speed(trial.bytesRead, trial.uncachedRecoveryMs)),
          row('MB read', (trial) => trial.bytesRead / MB),
          row('recovery, cached, ms', (trial) => trial.cachedRecoveryMs),
          row('openLog, cached, ms', (trial) => trial.cachedOpenMs),
          row('openLog, not cached, ms', (trial) => trial.uncachedOpenMs),
          row('records', (trial) => trial.records),
          row('records written again', (trial) => trial.rewrittenRecords),
        ],
        notes: [
          'Each in a process of its own, which does nothing else. Not cached: the pages that the writer left, which went past the page cache.',
          'Zero-filling ahead comes after recovery: outside the clock.',
        ],
      },
    ]
  },
  figures: (trials) => [
    {
      name: 'recovery, MB/s ÷ those of reading and checksumming the same bytes',
      ...reached(spreadOf(trials.map(ratioOf))),
      unit: '×',
      wanted: 0.6,
      bound: 'at least',
    },
    {
      name: 'recovery of a large last segment, not cached',
      ...reached(spreadOf(trials.map((trial) => speed(trial.bytesRead, trial.uncachedRecoveryMs)))),
      unit: 'MB/s',
      wanted: 500,
      bound: 'at least',
    },
  ],
}

function speed(bytes: number, ms: number): number {
  return bytes / MB / (ms / 1000)
}

function ratioOf({ scanBytes, scanMs, cachedRecoveryMs }: RecoveryTrial): number {
  return speed(scanBytes, cachedRecoveryMs) / speed(scanBytes, scanMs)
}
