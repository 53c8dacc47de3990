import { toErrorRecord } from '../../src/errors.js'
import { readUint64 } from '../../src/format/checksum.js'
import { systemError } from '../../src/fs/system-error.js'
import type { Committer, CommitterListener } from '../../src/log/committer.js'
import { Coordinator } from '../../src/log/coordinator.js'
import { Figures } from '../../src/observe/figures.js'
import { type LogTuning, resolveTuning } from '../../src/options.js'
import { RingConsumer } from '../../src/ring/consumer.js'
import { createRingMemory, type RingMemory } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'
import type { ProgressReport, WriterReport } from '../../src/ring/report.js'
import type { RecoveredLog } from '../../src/segment/recovered-log.js'

/** A committer with nothing behind it: the test takes frames and sends reports, when and as it likes. */
export class ScriptedCommitter implements Committer {
  readonly ring: RingProducer
  readonly consumer: RingConsumer
  readonly #lastLsn: number
  #listener: CommitterListener | undefined
  wakes = 0
  resumes = 0
  stopped = false

  constructor(capacityBytes: number, lastLsn = 0) {
    const memory: RingMemory = createRingMemory(capacityBytes)
    this.ring = new RingProducer(memory)
    this.consumer = new RingConsumer(memory)
    this.#lastLsn = lastLsn
  }

  async open(listener: CommitterListener): Promise<RecoveredLog> {
    this.#listener = listener
    const lastLsn = this.#lastLsn
    return {
      logId: Buffer.alloc(16),
      markSequence: 1,
      firstLsn: 1,
      lastLsn,
      lastTimestampMs: 0,
      segments: [],
      active: undefined,
      previous: { lastLsn, endOffset: 0 },
      report: {
        firstLsn: 1,
        lastLsn,
        records: lastLsn,
        segments: 0,
        rewrittenRecords: 0,
        torn: undefined,
        removedFiles: [],
        bytesRead: 0,
        cleanShutdown: true,
        durationMs: 0,
      },
    }
  }

  wake(): void {
    this.wakes++
  }

  resume(): void {
    this.resumes++
    this.consumer.reset()
  }

  async stop(): Promise<void> {
    this.stopped = true
  }

  report(report: WriterReport): void {
    this.#listener?.report(report)
  }

  lose(error: Error): void {
    this.#listener?.lost(error)
  }

  /** Takes all frames that were handed over, as a writer that begins to commit them; returns their first LSNs. */
  take(): number[] {
    const { consumer } = this
    const frames = Array.from({ length: consumer.available }, (_, index) => {
      return readUint64(consumer.bytes, consumer.placeOf(index) + 24)
    })
    consumer.take(frames.length)
    return frames
  }

  /** Reports a batch that was written up to `writtenLsn`, or a sync. */
  progress(writtenLsn: number, durableLsn: number, fields: Partial<ProgressReport> = {}): void {
    this.report({
      kind: 'progress',
      writtenLsn,
      durableLsn,
      batchRecords: 0,
      batchBytes: 0,
      cause: 'idle',
      waitMs: 0,
      writeMs: 0,
      syncMs: 0,
      sealSyncMs: 0,
      sealSyncs: 0,
      syncs: 0,
      directorySyncMs: 0,
      directorySyncs: 0,
      segmentFirstLsn: 1,
      batchOffset: 4096,
      ...fields,
    })
  }
}

/** What a writer reports of a disk that is full, and of one that fails. */
export const NO_SPACE = toErrorRecord(systemError('ENOSPC', 'write'))
export const NO_DISK = toErrorRecord(systemError('EIO', 'fdatasync'))
/** A shared memory of 8 KiB takes this many appends, however small they are. */
export const MOST_APPENDS = 64

/** What a coordinator told, in its order. */
export type Told = readonly [
  event: 'progress' | 'rollback' | 'drain' | 'failed' | 'trimmed',
  value?: number | string | undefined,
]

export interface Scripted {
  readonly coordinator: Coordinator
  readonly committer: ScriptedCommitter
  readonly told: Told[]
  /** Run when the coordinator tells something. */
  onTold: (told: Told) => void
}

/** A coordinator in front of a {@link ScriptedCommitter}. */
export async function scripted(options: LogTuning = {}, lastLsn = 0): Promise<Scripted> {
  const tuning = resolveTuning(options)
  const committer = new ScriptedCommitter(Math.floor(tuning.maxPendingBytes / 2), lastLsn)
  const told: Told[] = []
  const tell = (...entry: Told): void => {
    told.push(entry)
    script.onTold(entry)
  }
  const coordinator = new Coordinator(committer, tuning, new Figures(), {
    progress: (report) => tell('progress', report.durableLsn),
    rollback: (lsn) => tell('rollback', lsn),
    drain: () => tell('drain'),
    failed: (error) => tell('failed', error.code),
    trimmed: (firstLsn) => tell('trimmed', firstLsn),
  })
  const script: Scripted = { coordinator, committer, told, onTold: () => {} }
  await coordinator.start()
  return script
}
