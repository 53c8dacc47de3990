/** Says on a terminal what is being measured, on one line; elsewhere it tells of each suite and round only. */
export class Progress {
  readonly #startedAt = performance.now()
  #stage = ''

  /** Begins with a suite in a round. */
  stage(text: string): void {
    this.#stage = text
    if (process.stderr.isTTY) this.show('')
    else console.error(`${this.#elapsed()}  ${text}`)
  }

  show(text: string): void {
    if (!process.stderr.isTTY) return
    const line = `${this.#elapsed()}  ${this.#stage}${text === '' ? '' : `: ${text}`}`
    process.stderr.write(`\r\u001b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  #elapsed(): string {
    const seconds = Math.floor(this.seconds)
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
}
