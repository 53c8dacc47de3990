import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DirectoryEventStore, openEventStore } from '../src/events/index.js'
import { openLog } from '../src/index.js'
import { benchedEvent, neverMatching, OTHER_EVENT, recordOf, type Tagging, textOf } from './benched-events.js'
import type { EventCycle, GrowthCycle, TrialResults, TrialSpec } from './trial-spec.js'

/** Long beside a batch, short beside the moods of a disk. */
const WINDOW_MS = 100
/**
 * Before the first window of a store that was just opened: its tables are not in the processor's caches, its log fills zeros
 * in ahead, and what lies about from opening is collected. Two stores of the same size are equal within 1 to 3 % by it.
 */
const LEAD_MS = 250
/** Cycles of the growth trial before the first that counts: about as many seconds as sluice needs to get warm. */
const WARM_CYCLES = 3
const SMALL_EVENTS = 1000
const FILL_APPENDS = 64

const WAYS = ['bare', 'text', 'unconditional', 'conditional'] as const

/**
 * Puts bare logs and an event store under load, in turns: a log that is given bytes which are ready, one that is given the
 * texts of events, made on the spot, as whoever keeps events in a bare log has to, and the store. Windows that follow one another differ in little else, which
 * processes never do. The order changes from cycle to cycle.
 */
export async function appendEvents(
  spec: TrialSpec & { kind: 'append-events' },
): Promise<TrialResults['append-events']> {
  const { producers, tagging } = spec
  const log = await openLog(join(spec.directory, 'bare'))
  const textLog = await openLog(join(spec.directory, 'text'))
  const store = await openEventStore(join(spec.directory, 'store'))
  await store.append(OTHER_EVENT)
  let number = 0
  const record = recordOf(benchedEvent(1, tagging))
  const appends = {
    bare: () => log.append(record),
    text: () => textLog.append(textOf(benchedEvent(++number, tagging))),
    unconditional: () => store.append(benchedEvent(++number, tagging)),
    conditional: () => store.append(benchedEvent(++number, tagging), neverMatching(number, tagging)),
  }
  const cycle = async (turn: number): Promise<EventCycle> => {
    const rates: Record<(typeof WAYS)[number], number> = { bare: 0, text: 0, unconditional: 0, conditional: 0 }
    for (let at = 0; at < WAYS.length; at += 1) {
      const way = WAYS[(at + turn) % WAYS.length] ?? 'bare'
      rates[way] = await rateOf(appends[way], producers, WINDOW_MS)
    }
    return rates
  }
  const warmUntil = performance.now() + spec.warmUpSeconds * 1000
  for (let turn = 0; performance.now() < warmUntil; turn += 1) await cycle(turn)
  const cycles: EventCycle[] = []
  while (cycles.length < spec.cycles) cycles.push(await cycle(cycles.length))
  const recordBytes = record.length
  await Promise.all([log.close(), textLog.close(), store.close()])
  return { cycles, recordBytes }
}

/**
 * Conditional appends to a store that has many events, and to one that has few, in turns. Both are opened anew for each
 * cycle: the small one from nothing, since it does not stay small.
 */
export async function growEvents(spec: TrialSpec & { kind: 'grow-events' }): Promise<TrialResults['grow-events']> {
  const { producers } = spec
  let number = spec.events
  const cycle = async (turn: number): Promise<GrowthCycle> => {
    const large = await openEventStore(spec.large)
    const small = await openEventStore(join(spec.directory, String(turn)))
    await fill(small, SMALL_EVENTS, 'unique')
    const rate = (store: DirectoryEventStore, ms: number): Promise<number> => {
      const append = () => store.append(benchedEvent(++number, 'unique'), neverMatching(number, 'unique'))
      return rateOf(append, producers, ms)
    }
    const rates = { small: 0, large: 0 }
    const stores = [{ name: 'small', store: small } as const, { name: 'large', store: large } as const]
    // There and back: what becomes better or worse in the meantime is shared by both.
    const order = turn % 2 === 0 ? stores : stores.toReversed()
    for (const { store } of order) await rate(store, LEAD_MS)
    for (const { name, store } of [...order, ...order.toReversed()]) rates[name] += (await rate(store, WINDOW_MS)) / 2
    await Promise.all([large.close(), small.close()])
    return rates
  }
  for (let turn = 0; turn < WARM_CYCLES; turn += 1) await cycle(turn)
  const cycles: GrowthCycle[] = []
  while (cycles.length < spec.cycles) cycles.push(await cycle(WARM_CYCLES + cycles.length))
  return { cycles }
}

/** Appends events, numbered from 1, in appends of many. */
export async function fill(store: DirectoryEventStore, events: number, tagging: Tagging): Promise<void> {
  const perAppend = Math.min(100, Math.ceil(events / FILL_APPENDS))
  let next = 1
  const produce = async (): Promise<void> => {
    while (next <= events) {
      const first = next
      next = Math.min(first + perAppend, events + 1)
      await store.append(Array.from({ length: next - first }, (_, at) => benchedEvent(first + at, tagging)))
    }
  }
  await Promise.all(Array.from({ length: FILL_APPENDS }, produce))
}

/** Appends a second, in a closed loop. */
export async function rateOf(append: () => Promise<unknown>, producers: number, ms: number): Promise<number> {
  let goesOn = true
  let appends = 0
  const produce = async (): Promise<void> => {
    while (goesOn) {
      await append()
      appends += 1
    }
  }
  const startedAt = performance.now()
  const ends = Array.from({ length: producers }, produce)
  await delay(ms)
  goesOn = false
  await Promise.all(ends)
  return (appends / (performance.now() - startedAt)) * 1000
}
