import type { RingProducer } from '../ring/producer.js'
import type { WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'

/** What a committer tells its coordinator; never from inside a call of the coordinator's own. */
export interface CommitterListener {
  /** In order. */
  report(report: WriterReport): void
  /** What was behind the committer is gone: nothing more will be reported, and its memory must not be used again. */
  lost(error: Error): void
}

/**
 * All that the coordinator knows of what is behind it: something that takes frames out of a ring, in order, makes them
 * durable, and reports. Behind the first one is a writer in a thread of its own, behind the second one the same writer
 * in this thread.
 */
export interface Committer {
  /** Frames are put together in this memory, short records a few at a time, and handed over through it. */
  readonly ring: RingProducer
  /** Recovers what is there and gets ready. Rejects with a `SluiceError`; {@link stop} it then all the same. */
  open(listener: CommitterListener): Promise<RecoveredLog>
  /** There is news in the ring: frames, or a request. */
  wake(): void
  /** Goes on after a rollback, once the ring was reset. */
  resume(): void
  /** Ends what is behind it, whatever it is doing. Once this resolves nothing of it touches a file any more. */
  stop(): Promise<void>
}
