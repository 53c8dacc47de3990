import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { openLog } from '../src/index.js'
import { openStateStore, type StateStore } from '../src/state/index.js'
import { type Player, player, playerKey, setRecord, setText } from './benched-state.js'
import { rateOf } from './event-windows.js'
import { spreadOf } from './statistics.js'
import type { CheckpointTurn, SetCycle, TrialResults, TrialSpec } from './trial-spec.js'

/** Long beside a batch, short beside the moods of a disk. */
const WINDOW_MS = 100
const SET_KEYS = 100_000
/** That of a state store: the bare log is to have as many segments to begin. */
const SEGMENT_BYTES = 16 * 2 ** 20
/** A prime, so that the steps reach every part of the state. */
const STEP = 7_919_993
const FILL_KEYS = 1000
const FILL_TRANSACTIONS = 16
const BEFORE_MS = 500
const NS_PER_MS = 1e6
/** The values of a filled store, a line each, beside its folder: for who parses them without a store. */
const VALUES_FILE = 'values.jsonl'
export const STORE_FOLDER = 'store'

const SET_WAYS = ['bare', 'text', 'set'] as const

/** Sets keys of a store, and appends the same records to bare logs, as bytes that are ready and as texts made on the spot: in turns, in windows. */
export async function setState(spec: TrialSpec & { kind: 'set-state' }): Promise<TrialResults['set-state']> {
  const keys = Array.from({ length: SET_KEYS }, (_, number) => playerKey(number))
  const values = keys.map((_, number) => player(number))
  const records = keys.map((key, number) => setRecord(key, player(number)))
  const bare = await openLog(join(spec.directory, 'bare'), { segmentBytes: SEGMENT_BYTES })
  const log = await openLog(join(spec.directory, 'text'), { segmentBytes: SEGMENT_BYTES })
  const store = await openStateStore<Player>(join(spec.directory, STORE_FOLDER), { compaction: false })
  let appended = 0
  let written = 0
  let set = 0
  const ways = {
    bare: () => bare.append(taken(records, appended++)),
    text: () => log.append(setText(taken(keys, written), taken(values, written++))),
    set: () => store.set(taken(keys, set), taken(values, set++)),
  }
  const cycle = async (turn: number): Promise<SetCycle> => {
    const rates = { bare: 0, text: 0, set: 0 }
    for (let at = 0; at < SET_WAYS.length; at += 1) {
      const way = SET_WAYS[(at + turn) % SET_WAYS.length] ?? 'bare'
      rates[way] = await rateOf(ways[way], spec.producers, WINDOW_MS)
    }
    return rates
  }
  const warmUntil = performance.now() + spec.warmUpSeconds * 1000
  for (let turn = 0; performance.now() < warmUntil; turn += 1) await cycle(turn)
  const cycles: SetCycle[] = []
  while (cycles.length < spec.cycles) cycles.push(await cycle(cycles.length))
  await Promise.all([bare.close(), log.close(), store.close()])
  return { cycles, recordBytes: spreadOf(records.map(({ length }) => length)).median }
}

/** Makes a store of so many keys, all of them in its snapshot, and writes the values down for themselves. */
export async function fillState(spec: TrialSpec & { kind: 'fill-state' }): Promise<TrialResults['fill-state']> {
  const store = await openStateStore<Player>(join(spec.directory, STORE_FOLDER), { compaction: false })
  let next = 0
  const fill = async (): Promise<void> => {
    while (next < spec.keys) {
      const first = next
      next = Math.min(first + FILL_KEYS, spec.keys)
      await store.transact((tx) => {
        for (let number = first; number < Math.min(first + FILL_KEYS, spec.keys); number += 1) {
          tx.set(playerKey(number), player(number))
        }
      })
    }
  }
  await Promise.all(Array.from({ length: FILL_TRANSACTIONS }, fill))
  const report = await store.checkpoint()
  const { size } = store
  await store.close()
  const lines = Array.from({ length: spec.keys }, (_, number) => JSON.stringify(player(number)))
  writeFileSync(join(spec.directory, VALUES_FILE), lines.join('\n'))
  return { keys: size, snapshotBytes: report?.bytes ?? 0 }
}

/** Opens a store, in a process that has done nothing else, and closes it again. */
export async function openState(spec: TrialSpec & { kind: 'open-state' }): Promise<TrialResults['open-state']> {
  const startedAt = performance.now()
  const store = await openStateStore<Player>(join(spec.directory, STORE_FOLDER), { compaction: false })
  const openMs = performance.now() - startedAt
  const { size, recovery } = store
  await store.close()
  return { openMs, keys: size, replayed: recovery.replayed }
}

/** Parses the values of a store, each by itself, from texts that are in memory, and keeps them. */
export function parseState(spec: TrialSpec & { kind: 'parse-state' }): TrialResults['parse-state'] {
  const texts = readFileSync(join(spec.directory, VALUES_FILE), 'latin1').split('\n')
  const values: unknown[] = []
  const startedAt = performance.now()
  for (const text of texts) values.push(JSON.parse(text))
  return { parseMs: performance.now() - startedAt, keys: values.length }
}

/** Makes checkpoints of a store while its keys are set, and compares with the time just before each of them. */
export async function checkpointState(
  spec: TrialSpec & { kind: 'checkpoint-state' },
): Promise<TrialResults['checkpoint-state']> {
  const store = await openStateStore<Player>(join(spec.directory, STORE_FOLDER), { compaction: false })
  const { size } = store
  let sets = 0
  let goesOn = true
  const produce = async (): Promise<void> => {
    while (goesOn) {
      const number = (sets * STEP) % size
      await store.set(playerKey(number), player(number, sets))
      sets += 1
    }
  }
  const ends = Array.from({ length: spec.producers }, produce)
  await delay(spec.warmUpSeconds * 1000)
  const turns: CheckpointTurn[] = []
  while (turns.length < spec.checkpoints) turns.push(await checkpointTurn(store, () => sets))
  goesOn = false
  await Promise.all(ends)
  await store.close()
  return { keys: size, turns }
}

async function checkpointTurn(store: StateStore<Player>, sets: () => number): Promise<CheckpointTurn> {
  const before = await measured(sets, () => delay(BEFORE_MS))
  const meanwhile = await measured(sets, async () => {
    const report = await store.checkpoint()
    if (report === undefined || report.entries !== store.size) throw new Error('the checkpoint has not all keys')
  })
  return {
    checkpointMs: meanwhile.ms,
    before: before.rate,
    meanwhile: meanwhile.rate,
    loopMsP99Before: before.loopMsP99,
    loopMsP99: meanwhile.loopMsP99,
    loopMsMax: meanwhile.loopMsMax,
  }
}

/** Sets a second during some work, and how late a timer comes that is due each millisecond; that millisecond is included. */
async function measured(sets: () => number, work: () => Promise<unknown>) {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const setsBefore = sets()
  const startedAt = performance.now()
  await work()
  const ms = performance.now() - startedAt
  loop.disable()
  const rate = ((sets() - setsBefore) / ms) * 1000
  return { ms, rate, loopMsP99: loop.percentile(99) / NS_PER_MS, loopMsMax: loop.max / NS_PER_MS }
}

function taken<Item>(items: readonly Item[], number: number): Item {
  const item = items[number % items.length]
  if (item === undefined) throw new Error('there is nothing to take')
  return item
}
