import type { ChildProcess } from 'node:child_process'
import type { LogStats } from 'sluice'
import { type Belongings, exitOf } from './belongings.js'
import type { ServiceReady } from './messages.js'

export type Flush = 'batch' | 'immediate'

/** The ingest service, in its own process. */
export class ServiceProcess {
  readonly ready: ServiceReady
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, ready: ServiceReady) {
    this.#child = child
    this.ready = ready
  }

  static async start(belongings: Belongings, directory: string, flush: Flush): Promise<ServiceProcess> {
    const child = belongings.start('server.js', ['--directory', directory, '--flush', flush])
    const ready = await new Promise<ServiceReady>((resolve, reject) => {
      // It is the only message that the service sends.
      child.once('message', (message) => resolve(message as ServiceReady))
      exitOf(child).then((end) => reject(new Error(`the service ended before it listened: ${end}`)), reject)
    })
    return new ServiceProcess(child, ready)
  }

  get url(): string {
    return `http://127.0.0.1:${this.ready.port}`
  }

  async stats(): Promise<LogStats> {
    const response = await fetch(`${this.url}/stats`)
    if (!response.ok) throw new Error(`GET /stats answered ${response.status}`)
    // What the service sends is what log.stats() returned, without its one function.
    return (await response.json()) as LogStats
  }

  /** SIGKILL: nothing in the process gets to run again. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    const end = await exitOf(this.#child)
    if (end !== 'SIGKILL') throw new Error(`the service had ended before it was killed: ${end}`)
  }

  /** SIGTERM: it answers what is on its way, makes the log durable, and ends. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const end = await exitOf(this.#child)
    if (end !== 0) throw new Error(`the service did not end well: ${end}`)
  }
}
