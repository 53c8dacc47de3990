import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { DRIVERS } from '../drivers/drivers.js'
import { copyLog } from '../log-copy.js'
import { STORE_FOLDER } from '../state-trials.js'
import { type Spread, spreadOf } from '../statistics.js'
import { counted, shown, type Table } from '../table.js'
import type { CheckpointTurn } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import { inTurnOrder } from '../turn-order.js'
import { preparationNote } from './load-table.js'
import { type Bench, type Figure, reached, type Suite } from './suite.js'

const PRODUCERS = [64, 1024] as const
const SET_CYCLES = 15
const CHECKPOINTS = 3
const MILLION = 1_000_000

/** One trial: two bare logs and a store; medians of its cycles. */
interface SetTrial {
  readonly kind: 'set'
  readonly round: number
  readonly producers: number
  readonly recordBytes: number
  /** A second: of a log that is given bytes. */
  readonly bare: number
  /** Of one that is given texts, which are made on the spot. */
  readonly text: number
  readonly set: number
  /** Of one cycle each. */
  readonly setToBare: number
  readonly setToText: number
}

/** One opening and one parsing of the same values, each in a process of its own. */
interface OpenTrial {
  readonly kind: 'open'
  readonly round: number
  readonly keys: number
  readonly snapshotBytes: number
  readonly openMs: number
  readonly parseMs: number
}

/** One checkpoint, and the time just before it. */
interface CheckpointTrial extends CheckpointTurn {
  readonly kind: 'checkpoint'
  readonly round: number
  readonly keys: number
  readonly producers: number
}

export type StateTrial = SetTrial | OpenTrial | CheckpointTrial
type TrialOf<Kind extends StateTrial['kind']> = StateTrial & { readonly kind: Kind }

/** What the keyed state store costs beside the log that it stands on, and beside parsing its values. */
export const state: Suite<StateTrial> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    for (const producers of PRODUCERS) keep(await measureSets(bench, round, producers))
    for (const keys of bench.settings.stateKeys) {
      const { directory, snapshotBytes } = await filled(bench, keys)
      keep(await measureOpening(bench, round, keys, directory, snapshotBytes))
      for (const producers of PRODUCERS) await measureCheckpoints(bench, round, keys, directory, producers, keep)
    }
  },
  tables: (trials) => (trials.length === 0 ? [] : [setTable(trials), openTable(trials), checkpointTable(trials)]),
  figures: wanted,
}

function warmUpSecondsOf({ settings }: Bench): number {
  return Math.min(DRIVERS.sluice.warmUpSeconds, settings.warmUpSecondsMax)
}

async function measureSets(bench: Bench, round: number, producers: number): Promise<SetTrial> {
  bench.progress(`setting keys, ${counted(producers)} producers`)
  const directory = bench.trials.makeDirectory()
  const spec = { directory, producers, warmUpSeconds: warmUpSecondsOf(bench), cycles: SET_CYCLES }
  const { cycles, recordBytes } = await bench.trials.run({ kind: 'set-state', ...spec })
  removeDirectory(directory)
  return {
    kind: 'set',
    round,
    producers,
    recordBytes,
    bare: spreadOf(cycles.map(({ bare }) => bare)).median,
    text: spreadOf(cycles.map(({ text }) => text)).median,
    set: spreadOf(cycles.map(({ set }) => set)).median,
    setToBare: spreadOf(cycles.map(({ bare, set }) => set / bare)).median,
    setToText: spreadOf(cycles.map(({ text, set }) => set / text)).median,
  }
}

async function measureOpening(
  bench: Bench,
  round: number,
  keys: number,
  directory: string,
  snapshotBytes: number,
): Promise<OpenTrial> {
  bench.progress(`opening ${counted(keys)} keys, and parsing their values`)
  const times = { 'open-state': Number.NaN, 'parse-state': Number.NaN }
  for (const kind of inTurnOrder(['open-state', 'parse-state'] as const, round)) {
    const result = await bench.trials.run({ kind, directory })
    if (result.keys !== keys) throw new Error(`${counted(result.keys)} of ${counted(keys)} keys are there`)
    times[kind] = 'openMs' in result ? result.openMs : result.parseMs
  }
  return { kind: 'open', round, keys, snapshotBytes, openMs: times['open-state'], parseMs: times['parse-state'] }
}

async function measureCheckpoints(
  bench: Bench,
  round: number,
  keys: number,
  from: string,
  producers: number,
  keep: (trial: StateTrial) => void,
): Promise<void> {
  bench.progress(`checkpoints of ${counted(keys)} keys, ${counted(producers)} producers`)
  const directory = bench.trials.makeDirectory()
  const store = join(directory, STORE_FOLDER)
  cpSync(join(from, STORE_FOLDER, 'snapshots'), join(store, 'snapshots'), { recursive: true })
  copyLog(join(from, STORE_FOLDER, 'log'), join(store, 'log'))
  const spec = { directory, producers, warmUpSeconds: warmUpSecondsOf(bench), checkpoints: CHECKPOINTS }
  const { turns } = await bench.trials.run({ kind: 'checkpoint-state', ...spec })
  removeDirectory(directory)
  for (const turn of turns) keep({ kind: 'checkpoint', round, keys, producers, ...turn })
}

async function filled(bench: Bench, keys: number): Promise<{ directory: string; snapshotBytes: number }> {
  const { directory, value } = await bench.trials.prepared(`a state of ${keys} keys`, async (directory) => {
    bench.progress(`setting ${counted(keys)} keys`)
    const made = await bench.trials.run({ kind: 'fill-state', directory, keys })
    if (made.keys !== keys) throw new Error(`${keys} keys were to be set, and ${made.keys} are there`)
    return made.snapshotBytes
  })
  return { directory, snapshotBytes: value }
}

function of<Kind extends StateTrial['kind']>(trials: readonly StateTrial[], kind: Kind): readonly TrialOf<Kind>[] {
  // The filter leaves only those.
  return trials.filter((trial) => trial.kind === kind) as unknown as readonly TrialOf<Kind>[]
}

function spreadShown({ median, min, max }: Spread): string[] {
  return [median, min, max].map(shown)
}

function setTable(trials: readonly StateTrial[]): Table {
  const sets = of(trials, 'set')
  const rows = PRODUCERS.flatMap((producers) => {
    const own = sets.filter((trial) => trial.producers === producers)
    const set = shown(spreadOf(own.map(({ set }) => set)).median)
    return [
      [
        `${counted(producers)} producers: set ÷ log given bytes that are ready`,
        shown(spreadOf(own.map(({ bare }) => bare)).median),
        set,
        ...spreadShown(spreadOf(own.map(({ setToBare }) => setToBare))),
      ],
      [
        `${counted(producers)} producers: set ÷ log given the record's text`,
        shown(spreadOf(own.map(({ text }) => text)).median),
        set,
        ...spreadShown(spreadOf(own.map(({ setToText }) => setToText))),
      ],
    ]
  })
  return {
    title: 'Setting keys, beside bare logs that append the same records',
    head: ['', 'log, records/s', 'set, keys/s', 'set ÷ log', 'from', 'to'],
    rows,
    notes: [
      `Windows of 100 ms in turns, within one process; medians of ${SET_CYCLES} cycles of them in each round. Records of about ${shown(sets[0]?.recordBytes)} B. The store is given a key and an object with five fields, one of them an array, to be written as JSON. One log is given bytes that are there already, which is what the wanted figure is of; the other one a text that JSON.stringify makes of the same key and object on the spot, as whoever keeps a state in a bare log has to. 100,000 keys, set one after the other; segments of 16 MiB in all; no checkpoint meanwhile.`,
      preparationNote(['sluice']),
    ],
  }
}

function openTable(trials: readonly StateTrial[]): Table {
  const opens = of(trials, 'open')
  const rows = [...new Set(opens.map(({ keys }) => keys))].map((keys) => {
    const own = opens.filter((trial) => trial.keys === keys)
    return [
      `${counted(keys)} keys, a snapshot of ${shown((own[0]?.snapshotBytes ?? Number.NaN) / 2 ** 20)} MiB`,
      shown(spreadOf(own.map(({ openMs }) => openMs)).median),
      shown(spreadOf(own.map(({ parseMs }) => parseMs)).median),
      ...spreadShown(spreadOf(own.map(parseToOpen))),
    ]
  })
  return {
    title: 'Opening a state, beside parsing its values',
    head: ['', 'openStateStore ms', 'JSON.parse ms', 'parse ÷ open', 'from', 'to'],
    rows,
    notes: [
      'Each in a process of its own, which does nothing else. Opening reads the snapshot, which lies in the page cache, and opens the log with its thread. JSON.parse is called for each value by itself, with a text that is in memory; what it makes is kept. A store leaves its values as texts until they are read.',
      'Zero-filling ahead comes after opening: outside the clock.',
    ],
  }
}

function checkpointTable(trials: readonly StateTrial[]): Table {
  const checkpoints = of(trials, 'checkpoint')
  const keyOf = ({ keys, producers }: CheckpointTrial): string => `${keys}/${producers}`
  const rows = [...new Set(checkpoints.map(keyOf))].map((key) => {
    const own = checkpoints.filter((trial) => keyOf(trial) === key)
    const [first] = own
    const median = (figure: (trial: CheckpointTrial) => number): string => shown(spreadOf(own.map(figure)).median)
    return [
      `${counted(first?.keys)} keys, ${counted(first?.producers)} producers`,
      median(({ checkpointMs }) => checkpointMs),
      median(({ before }) => before),
      median(({ meanwhile }) => meanwhile),
      ...spreadShown(spreadOf(own.map(slowdown))),
      median(({ loopMsP99Before }) => loopMsP99Before),
      ...spreadShown(spreadOf(own.map(({ loopMsP99 }) => loopMsP99))),
      shown(Math.max(...own.map(({ loopMsMax }) => loopMsMax))),
    ]
  })
  return {
    title: 'Setting keys while a checkpoint is made',
    head: [
      ...['', 'checkpoint ms', 'set before, keys/s', 'meanwhile', 'slowed by', 'from', 'to'],
      ...['loop p99 ms before', 'meanwhile', 'from', 'to', 'longest'],
    ],
    rows,
    notes: [
      `Sets of keys here and there in a closed loop, in half a second just before each checkpoint and until it has ended, ${CHECKPOINTS} checkpoints in each round. Loop: the time between two visits to a timer that is due each millisecond; that millisecond is included.`,
      preparationNote(['sluice']),
    ],
  }
}

function parseToOpen({ parseMs, openMs }: OpenTrial): number {
  return parseMs / openMs
}

/** By which share sets were slower while the checkpoint was made: 0.2 is a fifth. */
function slowdown({ before, meanwhile }: CheckpointTrial): number {
  return 1 - meanwhile / before
}

function wanted(trials: readonly StateTrial[]): Figure[] {
  const opens = of(trials, 'open').filter(({ keys }) => keys === MILLION)
  const checkpoints = (producers: number): readonly CheckpointTrial[] =>
    of(trials, 'checkpoint').filter((trial) => trial.keys === MILLION && trial.producers === producers)
  return [
    ...PRODUCERS.map(
      (producers): Figure => ({
        name: `state, ${counted(producers)} producers, set ÷ bare log`,
        ...reached(
          spreadOf(
            of(trials, 'set')
              .filter((trial) => trial.producers === producers)
              .map(({ setToBare }) => setToBare),
          ),
        ),
        unit: '×',
        wanted: 0.6,
        bound: 'at least',
      }),
    ),
    {
      name: 'state, JSON.parse of 1,000,000 values ÷ openStateStore',
      ...reached(spreadOf(opens.map(parseToOpen))),
      unit: '×',
      wanted: 0.5,
      bound: 'at least',
    },
    ...PRODUCERS.map(
      (producers): Figure => ({
        name: `state, ${counted(producers)} producers, event loop p99 during a checkpoint of 1,000,000 keys`,
        ...reached(spreadOf(checkpoints(producers).map(({ loopMsP99 }) => loopMsP99))),
        unit: 'ms',
        wanted: 10,
        bound: 'below',
      }),
    ),
    ...PRODUCERS.map(
      (producers): Figure => ({
        name: `state, ${counted(producers)} producers, sets slowed by a checkpoint of 1,000,000 keys`,
        ...reached(spreadOf(checkpoints(producers).map(slowdown))),
        unit: '×',
        wanted: 0.2,
        bound: 'below',
      }),
    ),
  ]
}
