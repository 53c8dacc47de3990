import { availableParallelism } from 'node:os'
import type { MessagePort } from 'node:worker_threads'
import { type ErrorRecord, toErrorRecord } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { RingConsumer } from '../ring/consumer.js'
import type { RingMemory } from '../ring/layout.js'
import type { ReportSink } from '../ring/report.js'
import { ReportSender } from '../ring/report-channel.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import { recover } from '../segment/recovery.js'
import { NewsWait } from './news-wait.js'
import { Writer } from './writer.js'
import type { WriterOptions } from './writer-options.js'

/** What the committer asks of the thread. */
export type WriterTask =
  | {
      readonly kind: 'open'
      /** Which log this is: a thread that was replaced doesn't know it, and refuses to go on. */
      readonly epoch: string
      readonly options: WriterOptions
      readonly memory: RingMemory
      readonly port: MessagePort
    }
  | { readonly kind: 'run'; readonly epoch: string }

/** Errors come back as data: thrown ones would lose their `code` and `errno` on the way. */
export type WriterTaskResult =
  | { readonly kind: 'opened'; readonly recovered: RecoveredLog }
  | { readonly kind: 'open-failed'; readonly error: ErrorRecord }
  /** The thread has nothing to do, or the writer has stopped: the reports say why. */
  | { readonly kind: 'ended' }
  /** This thread never opened that log: the one that did is gone, with the writer in it. */
  | { readonly kind: 'unknown-epoch' }

/** How long the task waits for more before it ends. Waking it costs a third of starting a new one. */
const LINGER_MS = 5
/** How long it waits at most while there is something to do in the background, which needs this thread's event loop. */
const LINGER_IN_BACKGROUND_MS = 1
/** So long the main thread takes, as a rule, to hear of a commit and to hand over what comes next. */
const LOOK_FOR_NEWS_MS = 0.1

/** A writer, and what it waits with. */
interface OpenedWriter {
  readonly ring: RingConsumer
  readonly writer: Writer
  readonly news: NewsWait
  /** Whether a task drains the ring now. */
  isRunning: boolean
  /** Goes on with what is to be done while there is nothing else. */
  rest: NodeJS.Immediate | undefined
}

/** Answers the committer's tasks, in a thread of its own. */
export class WriterThread {
  readonly #fileSystem: FileSystem
  #epoch: string | undefined
  #opened: OpenedWriter | undefined

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem
  }

  async handle(task: WriterTask): Promise<WriterTaskResult> {
    if (task.kind === 'open') return this.#open(task)
    if (task.epoch !== this.#epoch || this.#opened === undefined) return { kind: 'unknown-epoch' }
    await run(this.#opened)
    restBetweenTasks(this.#opened)
    return { kind: 'ended' }
  }

  #open(task: WriterTask & { kind: 'open' }): WriterTaskResult {
    try {
      const recovered = recover(this.#fileSystem, task.options.directory)
      const { port } = task
      const reports = new ReportSender(task.memory, () => port.postMessage(undefined))
      const ring = new RingConsumer(task.memory)
      // With one processor, who looks for news keeps those away who would bring it.
      const isAlone = availableParallelism() === 1
      const sink: ReportSink = {
        send: (report) => reports.send(report),
        foretell: isAlone ? () => {} : () => reports.foretell(),
      }
      const writer = Writer.open(this.#fileSystem, task.options, recovered, ring, sink)
      const news = new NewsWait(ring, isAlone ? 0 : LOOK_FOR_NEWS_MS)
      this.#opened = { ring, writer, news, isRunning: false, rest: undefined }
      restBetweenTasks(this.#opened)
      this.#epoch = task.epoch
      // Its messages must not keep the process alive: tasks that run do.
      port.unref()
      return { kind: 'opened', recovered }
    } catch (error) {
      return { kind: 'open-failed', error: toErrorRecord(error) }
    }
  }
}

/** One busy period: batch after batch until there has been nothing to do for a while. */
async function run(opened: OpenedWriter): Promise<void> {
  opened.isRunning = true
  try {
    await drain(opened)
  } finally {
    opened.isRunning = false
  }
}

async function drain({ ring, writer, news }: OpenedWriter): Promise<void> {
  writer.resume()
  for (;;) {
    // Read before looking for work, so that what comes in between ends the wait below at once.
    const signalCount = ring.signalCount
    const step = writer.step()
    if (writer.backgroundIsUrgent) await eventLoopTurn()
    if (step === 0) continue
    if (step === 'stopped') return
    if (step === 'closing') return writer.finish()
    const lingering = step === Number.POSITIVE_INFINITY
    const longestMs = writer.hasBackgroundWork ? LINGER_IN_BACKGROUND_MS : lingering ? LINGER_MS : step
    if (news.wait(signalCount, Math.min(step, longestMs)) || step <= longestMs) continue
    // There is time. (Where the step was due, it is made first.)
    writer.rest()
    // Between tasks the event loop turns by itself, and nothing keeps the process alive.
    if (lingering && !writer.backgroundIsUrgent && ring.goIdle(signalCount)) return
    if (writer.hasBackgroundWork) await eventLoopTurn()
  }
}

/** What is to be done while there is nothing else, a little in each turn of the event loop: a task that comes in between goes first. */
function restBetweenTasks(opened: OpenedWriter): void {
  if (opened.isRunning || !opened.writer.rest()) return
  opened.rest ??= setImmediate(() => {
    opened.rest = undefined
    restBetweenTasks(opened)
  })
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
