import { type EventStore, type EventStoreOptions, openEventStore, type Projection } from 'sluice/events'

type StockEvent =
  | { readonly type: 'Arrived'; readonly data: { readonly article: string; readonly count: number } }
  | { readonly type: 'Left'; readonly data: { readonly article: string; readonly count: number } }

/** How much of each article there is. */
export class StockList {
  readonly #store: EventStore<StockEvent>
  readonly #counts: Projection<Map<string, number>>

  private constructor(store: EventStore<StockEvent>, counts: Projection<Map<string, number>>) {
    this.#store = store
    this.#counts = counts
  }

  static async open(directory: string, options?: EventStoreOptions): Promise<StockList> {
    const store = await openEventStore<StockEvent>(directory, options)
    const counts = store.project({
      name: 'stock-list',
      query: { types: ['Arrived', 'Left'] },
      init: () => new Map<string, number>(),
      apply: (state, { type, data: { article, count } }) =>
        state.set(article, (state.get(article) ?? 0) + (type === 'Arrived' ? count : -count)),
      // JSON can't hold a map.
      serialize: (state) => JSON.stringify([...state]),
      deserialize: (bytes) => new Map(JSON.parse(bytes.toString())),
    })
    counts.on('failed', (error) => console.error(error))
    return new StockList(store, counts)
  }

  /** Resolves once `count` tells of it, whatever happens to the machine. */
  async arrive(article: string, count: number): Promise<void> {
    const { last } = await this.#store.append({ type: 'Arrived', data: { article, count } })
    await this.#counts.until(last)
  }

  count(article: string): number {
    return this.#counts.state.get(article) ?? 0
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
