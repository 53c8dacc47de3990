import { randomUUID } from 'node:crypto'
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { fromErrorRecord, SluiceError } from '../errors.js'
import { createRingMemory, type RingMemory } from '../ring/layout.js'
import { RingProducer } from '../ring/producer.js'
import { ReportReceiver } from '../ring/report-channel.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import type { WriterOptions } from '../writer/writer-options.js'
import type { WriterTask, WriterTaskResult } from '../writer/writer-thread.js'
import type { Committer, CommitterListener } from './committer.js'
import { ReportInbox } from './report-inbox.js'

/** All of the writer in one file, which the build makes of `workers/writer.ts`: a thread starts sooner with one than with fifty. */
const defaultWorkerUrl = new URL('../../workers/writer.bundle.js', import.meta.url)

/**
 * The writer in a thread of its own: a Piscina pool of exactly one. A task is run for each busy period, not for each
 * batch: while it runs, frames and reports go through shared memory alone.
 *
 * Piscina replaces a thread that died, without a word. The new one doesn't know the epoch that its tasks name, refuses,
 * and the log latches.
 */
export class ThreadCommitter implements Committer {
  readonly ring: RingProducer
  readonly #memory: RingMemory
  readonly #options: WriterOptions
  readonly #inbox: ReportInbox
  readonly #pool: Piscina
  readonly #workerUrl: URL
  /** Resolves once the thread that the log was opened in has ended, with all that it had begun. */
  readonly #threadEnded: Promise<void>
  readonly #epoch = randomUUID()
  #port: MessagePort | undefined
  #listener: CommitterListener | undefined
  #ended = false

  constructor(options: WriterOptions, capacityBytes: number, workerUrl: URL | undefined) {
    this.#options = options
    this.#memory = createRingMemory(capacityBytes)
    this.ring = new RingProducer(this.#memory)
    this.#inbox = new ReportInbox(new ReportReceiver(this.#memory), (report) => this.#listener?.report(report))
    this.#workerUrl = workerUrl ?? defaultWorkerUrl
    this.#pool = new Piscina({
      filename: this.#workerUrl.href,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      // 'sync' would freeze the thread's timers and calls between tasks, and with them the preparation of segments.
      atomics: 'disabled',
      stricterFIFO: true,
      // A loader or flag of the main thread's is none of the writer's business.
      execArgv: [],
    })
    this.#threadEnded = ended(this.#pool.threads)
  }

  async open(listener: CommitterListener): Promise<RecoveredLog> {
    this.#listener = listener
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.on('message', () => this.#inbox.message())
    // Reports must not keep the process alive: tasks that run do.
    port1.unref()
    const task: WriterTask = {
      kind: 'open',
      epoch: this.#epoch,
      options: this.#options,
      memory: this.#memory,
      port: port2,
    }
    const result = await this.#runOnce(task, port2)
    // It may be anybody's entry, whatever the type says.
    if (result?.kind === 'opened' && typeof result.recovered === 'object') return result.recovered
    if (result?.kind === 'open-failed') throw fromErrorRecord(result.error)
    throw new SluiceError('SLUICE_IO', `the file at ${this.#workerUrl} is no entry of a writer thread`)
  }

  wake(): void {
    if (this.ring.signal()) this.#run()
  }

  resume(): void {
    this.ring.resume()
    this.wake()
  }

  async stop(): Promise<void> {
    this.#end()
    // Piscina forgets a thread that fails, though it may take a while to end, and replaces it once more when it does.
    do {
      await this.#pool.destroy()
      await this.#threadEnded
    } while (this.#pool.threads.length > 0)
    this.#port?.close()
  }

  #end(): void {
    this.#ended = true
    this.#inbox.close()
  }

  #run(): void {
    const task: WriterTask = { kind: 'run', epoch: this.#epoch }
    this.#pool.run(task).then(
      (result: WriterTaskResult) => {
        // A report can be posted before the task ends, and its message come after it.
        this.#inbox.drain()
        if (result.kind === 'unknown-epoch') this.#lose(new Error('the writer thread died and was replaced'))
      },
      (error: unknown) => {
        // What it reported before it died was synced before it was reported.
        this.#inbox.drain()
        this.#lose(error instanceof Error ? error : new Error(String(error)))
      },
    )
  }

  #lose(error: Error): void {
    if (this.#ended) return
    this.#end()
    this.#listener?.lost(error)
  }

  /**
   * Runs the first task. Where a thread fails to start, Piscina emits an error, and the task itself may hang. What it
   * results in is not known: the entry may be anybody's.
   */
  async #runOnce(task: WriterTask, port: MessagePort): Promise<WriterTaskResult | undefined> {
    let failed: (error: Error) => void = () => {}
    const failure = new Promise<never>((_, reject) => {
      failed = (cause) => {
        const message = `the writer thread at ${this.#workerUrl} could not be started: ${cause.message}`
        reject(new SluiceError('SLUICE_IO', message, { cause }))
      }
    })
    this.#pool.once('error', failed)
    try {
      const running: Promise<WriterTaskResult | undefined> = this.#pool.run(task, { transferList: [port] })
      return await Promise.race([failure, running.catch((error: Error) => failed(error)).then(() => running)])
    } finally {
      this.#pool.off('error', failed)
      this.#pool.on('error', (error: Error) => this.#lose(error))
    }
  }
}

/** Resolves once the only thread has ended. */
function ended([thread]: readonly Worker[]): Promise<void> {
  return new Promise((resolve) => {
    if (thread === undefined) resolve()
    else thread.once('exit', () => resolve())
  })
}
