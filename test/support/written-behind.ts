import { ManualClock, MemoryRepository, type MemoryRepositoryOptions } from '../../src/testing/index.js'
import type { WriteBehind, WriteBehindOptions } from '../../src/write-behind/contract.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { quiet } from './simulated-log.js'

/** A write-behind over a repository in memory, whose time a test lets pass. */
export interface WrittenBehind<V> {
  readonly clock: ManualClock
  readonly repository: MemoryRepository<V>
  readonly behind: WriteBehind<V>
  /** Every event, as a line. */
  readonly events: string[]
  /** Lets time pass, and everything happen that is due then. */
  pass(ms: number): Promise<void>
  /** The keys and values of each batch, in order: `a=1 b=2`. */
  batches(): string[]
}

export function writtenBehind<V = number>(
  options: Partial<WriteBehindOptions<V>> & MemoryRepositoryOptions = {},
): WrittenBehind<V> {
  const { latencyMs, ...rest } = options
  const clock = new ManualClock(1_700_000_000_000)
  const repository = new MemoryRepository<V>({ clock, ...(latencyMs === undefined ? {} : { latencyMs }) })
  const behind = createWriteBehind<V>({ repository, clock, random: () => 0, ...rest })
  const events: string[] = []
  behind.on('saveFailed', ({ keys, whole }) => events.push(`saveFailed ${keys.join()}${whole ? ' whole' : ''}`))
  behind.on('strained', ({ reason, intervalMs }) => events.push(`strained ${reason} ${intervalMs}`))
  behind.on('recovered', () => events.push('recovered'))
  behind.on('breakerOpen', ({ retryAfterMs }) => events.push(`breakerOpen ${retryAfterMs}`))
  behind.on('breakerClosed', () => events.push('breakerClosed'))
  behind.on('journalFailed', ({ code }) => events.push(`journalFailed ${code}`))
  behind.on('close', () => events.push('close'))
  return {
    clock,
    repository,
    behind,
    events,
    async pass(ms) {
      const untilMs = clock.nowMs() + ms
      await quiet()
      while (clock.nextDueMs <= untilMs) {
        clock.advance(Math.max(clock.nextDueMs - clock.nowMs(), 0))
        await quiet()
      }
      clock.advance(untilMs - clock.nowMs())
    },
    batches: () =>
      repository.batches.map((batch) => batch.map(({ key, value }) => `${key}=${String(value)}`).join(' ')),
  }
}
