import type { FileSystem } from '../fs/file-system.js'
import { RingConsumer } from '../ring/consumer.js'
import { createRingMemory, type RingMemory } from '../ring/layout.js'
import { RingProducer } from '../ring/producer.js'
import type { WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import { recover } from '../segment/recovery.js'
import { Writer } from '../writer/writer.js'
import type { WriterOptions } from '../writer/writer-options.js'
import type { Committer, CommitterListener } from './committer.js'

/**
 * The same writer in this thread, over another file system: for tests, where nothing must depend on what another thread
 * happens to do. It blocks the event loop while it works.
 */
export class InlineCommitter implements Committer {
  readonly ring: RingProducer
  readonly #memory: RingMemory
  readonly #options: WriterOptions
  readonly #fileSystem: FileSystem
  readonly #reports: WriterReport[] = []
  #listener: CommitterListener | undefined
  #writer: Writer | undefined
  #timer: NodeJS.Timeout | undefined
  #scheduled: NodeJS.Immediate | undefined
  #resume = false
  #ended = false

  constructor(fileSystem: FileSystem, options: WriterOptions, capacityBytes: number) {
    this.#fileSystem = fileSystem
    this.#options = options
    this.#memory = createRingMemory(capacityBytes)
    this.ring = new RingProducer(this.#memory)
  }

  async open(listener: CommitterListener): Promise<RecoveredLog> {
    this.#listener = listener
    const recovered = recover(this.#fileSystem, this.#options.directory)
    const consumer = new RingConsumer(this.#memory)
    this.#writer = Writer.open(this.#fileSystem, this.#options, recovered, consumer, {
      send: (report) => {
        this.#reports.push(report)
        // It comes between steps.
        if (report.kind === 'prepared') this.#schedule()
      },
      foretell() {},
    })
    return recovered
  }

  wake(): void {
    this.ring.signal()
    this.#schedule()
  }

  resume(): void {
    this.#resume = true
    this.ring.resume()
    this.wake()
  }

  async stop(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    clearImmediate(this.#scheduled)
    await this.#writer?.abandon()
  }

  #schedule(): void {
    if (this.#ended || this.#scheduled !== undefined) return
    clearTimeout(this.#timer)
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      this.#pump()
    })
  }

  #pump(): void {
    const writer = this.#writer
    if (writer === undefined || this.#ended) return
    if (this.#resume) {
      this.#resume = false
      writer.resume()
    }
    const step = writer.step()
    this.#deliver()
    if (step === 'closing') {
      writer.finish().then(
        () => this.#deliver(),
        (error: Error) => this.#listener?.lost(error),
      )
    } else if (step === 0 || (step !== 'stopped' && writer.rest())) {
      this.#schedule()
    } else if (step !== 'stopped' && Number.isFinite(step) && !this.#ended) {
      this.#timer = setTimeout(() => this.#pump(), Math.ceil(step))
    }
  }

  #deliver(): void {
    for (let report = this.#reports.shift(); report !== undefined; report = this.#reports.shift()) {
      if (!this.#ended) this.#listener?.report(report)
    }
  }
}
