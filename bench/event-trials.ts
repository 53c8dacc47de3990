import { openEventStore } from '../src/events/index.js'
import { tagOf } from './benched-events.js'
import { collectGarbage } from './collect-garbage.js'
import { fill } from './event-windows.js'
import type { TrialResults, TrialSpec } from './trial-spec.js'

/** A prime, so that the steps reach every part of the store. */
const STEP = 7_919_993
const MIB = 2 ** 20

/** Fills a store with so many events, and closes it. */
export async function fillEvents(spec: TrialSpec & { kind: 'fill-events' }): Promise<TrialResults['fill-events']> {
  const store = await openEventStore(spec.directory)
  await fill(store, spec.events, spec.tagging)
  const events = store.head()
  await store.close()
  return { events }
}

/** Opens a store, in a process that has done nothing else, and closes it again. */
export async function openEvents(spec: TrialSpec & { kind: 'open-events' }): Promise<TrialResults['open-events']> {
  const startedAt = performance.now()
  const store = await openEventStore(spec.directory)
  const openMs = performance.now() - startedAt
  const { loaded, rebuilt } = store.recovery.index
  const { events, bytes: indexBytes } = store.stats().index
  collectGarbage() // What lies about from opening is not what a store holds.
  const memoryMiB = process.memoryUsage().rss / MIB
  await store.close()
  return { openMs, loaded, rebuilt, events, indexBytes, memoryMiB }
}

/** Reads events by a tag that each has for its own, here and there, one after the other. */
export async function readEvents(spec: TrialSpec & { kind: 'read-events' }): Promise<TrialResults['read-events']> {
  const store = await openEventStore(spec.directory)
  const events = store.head()
  const readOne = async (index: number): Promise<number> => {
    const tag = tagOf(1 + ((index * STEP) % events), 'unique')
    const startedAt = performance.now()
    let found = 0
    for await (const event of store.read({ tags: [tag] })) found += event.tags[0] === tag ? 1 : 0
    const us = (performance.now() - startedAt) * 1000
    if (found !== 1) throw new Error(`${found} events were found by the tag ${tag}`)
    return us
  }
  // As many to warm up.
  for (let index = 0; index < spec.reads; index += 1) await readOne(index)
  const times = new Float64Array(spec.reads)
  for (let index = 0; index < spec.reads; index += 1) times[index] = await readOne(spec.reads + index)
  times.sort()
  await store.close()
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN
  return { readUsP50: at(0.5), readUsP99: at(0.99) }
}
