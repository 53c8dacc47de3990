import { createWriteBehind, type JournalOptions, type Repository, type WriteBehind } from 'sluice/write-behind'

export interface Player {
  readonly x: number
  readonly y: number
}

/** Players move many times a second; their places are saved once a second, together. */
export class Game {
  readonly #players = new Map<string, Player>()
  readonly #behind: WriteBehind<Player>

  constructor(repository: Repository<Player>, journal: string | JournalOptions) {
    this.#behind = createWriteBehind({ repository, journal, intervalMs: 1000 })
    this.#behind.on('saveFailed', ({ keys, error }) => console.error(`${keys.length} players not saved yet:`, error))
    this.#behind.on('strained', ({ reason }) => console.warn(`the database can't keep up (${reason})`))
  }

  /** Resolves once the move would survive a power cut; who needn't know need not wait. */
  async move(name: string, x: number, y: number): Promise<void> {
    const player = { x, y }
    this.#players.set(name, player)
    await this.#behind.markDirty(name, player)
  }

  /** Everything is saved, or the error says whose place is not: the journal has it. */
  async stop(): Promise<void> {
    await this.#behind.close()
  }
}
