import { type Log, type LogOptions, openLog } from 'sluice'

/** How much of each article there is: a service whose state is what its log tells. */
export class Stock {
  readonly #log: Log
  readonly #counts = new Map<string, number>()

  private constructor(log: Log) {
    this.#log = log
  }

  /** Opens the log, and plays back what is in it. */
  static async open(directory: string, options?: LogOptions): Promise<Stock> {
    const log = await openLog(directory, options)
    const stock = new Stock(log)
    for await (const { data } of log.read()) stock.#apply(JSON.parse(data.toString()))
    return stock
  }

  count(article: string): number {
    return this.#counts.get(article) ?? 0
  }

  /** Resolves once it would survive a power cut. */
  async add(article: string, count: number): Promise<void> {
    const change = { article, count }
    await this.#log.append(JSON.stringify(change))
    this.#apply(change)
  }

  /** Takes from one article and adds to another: both, or neither. */
  async exchange(from: string, to: string, count: number): Promise<void> {
    const changes = [
      { article: from, count: -count },
      { article: to, count },
    ]
    await this.#log.appendMany(changes.map((change) => JSON.stringify(change)))
    for (const change of changes) this.#apply(change)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  #apply({ article, count }: { article: string; count: number }): void {
    this.#counts.set(article, this.count(article) + count)
  }
}
