import { openStateStore, type StateStore } from 'sluice/state'

export interface Account {
  readonly owner: string
  readonly cents: number
}

/** Accounts in memory: read without waiting, and there again after any crash. */
export class Accounts {
  readonly #store: StateStore<Account>

  private constructor(store: StateStore<Account>) {
    this.#store = store
  }

  static async open(directory: string): Promise<Accounts> {
    return new Accounts(await openStateStore<Account>(directory, { json: 'accounts.json' }))
  }

  /** Resolves to whether the name was free, once that is durable. */
  async openAccount(name: string, owner: string): Promise<boolean> {
    try {
      await this.#store.set(name, { owner, cents: 0 }, { ifVersion: 0 })
      return true
    } catch (error) {
      if (Object(error).code === 'SLUICE_VERSION_CONFLICT') return false // Somebody has it.
      throw error
    }
  }

  async deposit(name: string, cents: number): Promise<void> {
    await this.#store.update(name, (account) => account && { ...account, cents: account.cents + cents })
  }

  /** Both accounts change, or neither: also when the power fails in between. */
  async transfer(from: string, to: string, cents: number): Promise<void> {
    await this.#store.transact((tx) => {
      const [source, target] = [tx.get(from), tx.get(to)]
      if (!source || !target || source.cents < cents) throw new Error(`${from} can't pay ${to} so much`)
      tx.set(from, { ...source, cents: source.cents - cents })
      tx.set(to, { ...target, cents: target.cents + cents })
    })
  }

  centsOf(name: string): number | undefined {
    return this.#store.get(name)?.cents
  }

  async close(): Promise<void> {
    await this.#store.close()
  }
}
