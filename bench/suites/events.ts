import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { Tagging } from '../benched-events.js'
import { DRIVERS } from '../drivers/drivers.js'
import { copyLog } from '../log-copy.js'
import { type Spread, spreadOf } from '../statistics.js'
import { counted, shown, type Table } from '../table.js'
import type { OpenEventsFigures } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import { preparationNote } from './load-table.js'
import { type Bench, type Figure, reached, type Suite } from './suite.js'

const LOADS = [
  { producers: 64, tagging: 'unique' },
  { producers: 1024, tagging: 'unique' },
  { producers: 1024, tagging: 'few' },
] as const
const APPEND_CYCLES = 15
const GROWTH_PRODUCERS = [64, 1024] as const
const GROWTH_CYCLES = 10
const READS = 2000
const MILLION = 1_000_000
const MIB = 2 ** 20

/** One trial: two bare logs and a store, with conditions and without; medians of its cycles. */
interface AppendTrial {
  readonly kind: 'append'
  readonly round: number
  readonly producers: number
  readonly tagging: Tagging
  readonly recordBytes: number
  /** Appends a second: of a log that is given bytes. */
  readonly bare: number
  /** Of one that is given texts, which are made on the spot; older records lack it. */
  readonly text?: number
  readonly unconditional: number
  readonly conditional: number
  /** Of one cycle each. */
  readonly unconditionalToBare: number
  readonly unconditionalToText?: number
  readonly conditionalToUnconditional: number
}

/** One trial: conditional appends to a store of many events, and to those of few; medians of its cycles. */
interface GrowthTrial {
  readonly kind: 'growth'
  readonly round: number
  readonly producers: number
  readonly events: number
  readonly small: number
  readonly large: number
  readonly largeToSmall: number
}

/** One opening, in a process of its own. */
interface OpenTrial extends OpenEventsFigures {
  readonly kind: 'open'
  readonly round: number
  readonly tagging: Tagging
  /** Resident beyond that of a process with an empty store, in MiB. */
  readonly addedMemoryMiB: number
}

interface ReadTrial {
  readonly kind: 'read'
  readonly round: number
  readonly events: number
  readonly readUsP50: number
  readonly readUsP99: number
}

export type EventTrial = AppendTrial | GrowthTrial | OpenTrial | ReadTrial
type TrialOf<Kind extends EventTrial['kind']> = EventTrial & { readonly kind: Kind }

/** What the event store costs beside the log that it stands on, and how that grows with the events it has. */
export const events: Suite<EventTrial> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    for (const load of LOADS) keep(await measureAppends(bench, round, load))
    for (const count of bench.settings.eventCounts) await measureSize(bench, round, count, keep)
  },
  tables: (trials) => (trials.length === 0 ? [] : [appendTable(trials), growthTable(trials), sizeTable(trials)]),
  figures: wanted,
}

async function measureAppends(bench: Bench, round: number, load: (typeof LOADS)[number]): Promise<AppendTrial> {
  bench.progress(`events with ${load.tagging} tags, ${counted(load.producers)} producers`)
  const directory = bench.trials.makeDirectory()
  const warmUpSeconds = Math.min(DRIVERS.sluice.warmUpSeconds, bench.settings.warmUpSecondsMax)
  const spec = { kind: 'append-events', directory, warmUpSeconds, cycles: APPEND_CYCLES, ...load } as const
  const { cycles, recordBytes } = await bench.trials.run(spec)
  removeDirectory(directory)
  const median = (figure: (cycle: (typeof cycles)[number]) => number) => spreadOf(cycles.map(figure)).median
  return {
    kind: 'append',
    round,
    ...load,
    recordBytes,
    bare: median(({ bare }) => bare),
    text: median(({ text }) => text),
    unconditional: median(({ unconditional }) => unconditional),
    conditional: median(({ conditional }) => conditional),
    unconditionalToBare: median(({ bare, unconditional }) => unconditional / bare),
    unconditionalToText: median(({ text, unconditional }) => unconditional / text),
    conditionalToUnconditional: median(({ unconditional, conditional }) => conditional / unconditional),
  }
}

/** All that is measured with a store of so many events. */
async function measureSize(
  bench: Bench,
  round: number,
  count: number,
  keep: (trial: EventTrial) => void,
): Promise<void> {
  const { trials } = bench
  const empty = await filled(bench, 0, 'unique')
  const { memoryMiB: emptyMiB } = await trials.run({ kind: 'open-events', directory: empty })
  const isLargest = count > MILLION
  for (const tagging of isLargest ? (['unique'] as const) : (['unique', 'few'] as const)) {
    const store = await filled(bench, count, tagging)
    bench.progress(`opening ${counted(count)} events with ${tagging} tags`)
    const open = async (directory: string): Promise<void> => {
      const figures = await trials.run({ kind: 'open-events', directory })
      keep({ kind: 'open', round, tagging, ...figures, addedMemoryMiB: figures.memoryMiB - emptyMiB })
    }
    await open(store)
    const bare = copyStore(bench, store, false)
    await open(bare)
    removeDirectory(bare)
  }
  const store = await filled(bench, count, 'unique')
  bench.progress(`reading ${counted(count)} events by their tags`)
  keep({
    kind: 'read',
    round,
    events: count,
    ...(await trials.run({ kind: 'read-events', directory: store, reads: READS })),
  })
  if (!isLargest) for (const producers of GROWTH_PRODUCERS) keep(await measureGrowth(bench, round, count, producers))
}

async function measureGrowth(bench: Bench, round: number, count: number, producers: number): Promise<GrowthTrial> {
  bench.progress(`conditional appends to ${counted(count)} events, ${counted(producers)} producers`)
  const large = copyStore(bench, await filled(bench, count, 'unique'), true)
  const directory = bench.trials.makeDirectory()
  const spec = { kind: 'grow-events', directory, large, events: count, producers, cycles: GROWTH_CYCLES } as const
  const { cycles } = await bench.trials.run(spec)
  removeDirectory(directory)
  removeDirectory(large)
  return {
    kind: 'growth',
    round,
    producers,
    events: count,
    small: spreadOf(cycles.map(({ small }) => small)).median,
    large: spreadOf(cycles.map((cycle) => cycle.large)).median,
    largeToSmall: spreadOf(cycles.map((cycle) => cycle.large / cycle.small)).median,
  }
}

async function filled(bench: Bench, count: number, tagging: Tagging): Promise<string> {
  const { directory } = await bench.trials.prepared(`${count} events, ${tagging} tags`, async (directory) => {
    bench.progress(`appending ${counted(count)} events with ${tagging} tags`)
    const { events: made } = await bench.trials.run({ kind: 'fill-events', directory, events: count, tagging })
    if (made !== count) throw new Error(`${count} events were to be appended, and ${made} were`)
    return made
  })
  return directory
}

/** A store of the same events, with the index's files or without. */
function copyStore({ trials }: Bench, store: string, withIndex: boolean): string {
  const directory = trials.makeDirectory()
  copyLog(join(store, 'log'), join(directory, 'log'))
  if (withIndex) cpSync(join(store, 'index'), join(directory, 'index'), { recursive: true })
  return directory
}

function of<Kind extends EventTrial['kind']>(trials: readonly EventTrial[], kind: Kind): readonly TrialOf<Kind>[] {
  // The filter leaves only those.
  return trials.filter((trial) => trial.kind === kind) as unknown as readonly TrialOf<Kind>[]
}

function spreadShown({ median, min, max }: Spread): string[] {
  return [median, min, max].map(shown)
}

function appendTable(trials: readonly EventTrial[]): Table {
  const rows = LOADS.flatMap(({ producers, tagging }) => {
    const own = of(trials, 'append').filter((trial) => trial.producers === producers && trial.tagging === tagging)
    if (own.length === 0) return []
    const spread = (figure: (trial: AppendTrial) => number | undefined) => spreadOf(own.map(figure))
    return [
      [
        `${counted(producers)} producers, ${tagging === 'unique' ? 'a tag of its own each' : 'a thousand tags'}`,
        ...[
          (t: AppendTrial) => t.bare,
          (t: AppendTrial) => t.text,
          (t: AppendTrial) => t.unconditional,
          (t: AppendTrial) => t.conditional,
        ].map((figure) => shown(spread(figure).median)),
        ...spreadShown(spread((trial) => trial.unconditionalToBare)),
        ...spreadShown(spread((trial) => trial.unconditionalToText)),
        ...spreadShown(spread((trial) => trial.conditionalToUnconditional)),
      ],
    ]
  })
  return {
    title: 'Appending events one by one, beside bare logs that append the same records',
    head: [
      ...[
        '',
        'log given bytes, records/s',
        'log given the event’s text, records/s',
        'events/s',
        'with a condition, events/s',
      ],
      ...[
        'events ÷ log given bytes',
        'from',
        'to',
        'events ÷ log given text',
        'from',
        'to',
        'with ÷ without condition',
        'from',
        'to',
      ],
    ],
    rows,
    notes: [
      `Windows of 100 ms in turns, within one process; medians of ${APPEND_CYCLES} cycles of them in each round. Records of about ${shown(of(trials, 'append')[0]?.recordBytes)} B. The store is given a type, a tag and six fields of data, to be written as JSON. One log is given bytes that are there already, which is what the wanted figure is of; the other one a text that JSON.stringify makes of the same event on the spot, as whoever keeps events in a bare log has to (– where an older record lacks it).`,
      'The condition has one type and one tag, and never matches. With a tag of its own: no event has that tag yet. With a thousand tags: many have the tag, and others the type.',
      preparationNote(['sluice']),
    ],
  }
}

function growthTable(trials: readonly EventTrial[]): Table {
  const growth = of(trials, 'growth')
  const sizes = [...new Set(growth.map(({ producers, events }) => `${producers}/${events}`))]
  const rows = sizes.map((size) => {
    const own = growth.filter(({ producers, events }) => `${producers}/${events}` === size)
    const [first] = own
    return [
      `${counted(first?.producers)} producers, ${counted(first?.events)} events and more against 1,000 and more`,
      shown(spreadOf(own.map(({ small }) => small)).median),
      shown(spreadOf(own.map(({ large }) => large)).median),
      ...spreadShown(spreadOf(own.map(({ largeToSmall }) => largeToSmall))),
    ]
  })
  return {
    title: 'Conditional appends by how many events there are',
    head: ['', 'few, events/s', 'many, events/s', 'many ÷ few', 'from', 'to'],
    rows,
    notes: [
      `Windows of 100 ms within one process, two in each of both stores, there and back; both were just opened, and had 250 ms of the same before. Medians of ${GROWTH_CYCLES} cycles in each round. The store of few events has those of the windows, too, in the end: some ten thousand, or some hundred thousand with 1,024 producers.`,
      preparationNote(['sluice']),
    ],
  }
}

function sizeTable(trials: readonly EventTrial[]): Table {
  const opens = of(trials, 'open')
  const keyOf = ({ events, tagging, rebuilt }: OpenTrial) => `${events}/${tagging}/${rebuilt > 0}`
  const rows = [...new Set(opens.map(keyOf))].map((key) => {
    const own = opens.filter((trial) => keyOf(trial) === key)
    const [first] = own
    const perMillion = (figure: (trial: OpenTrial) => number) =>
      shown(spreadOf(own.map((trial) => (figure(trial) / trial.events) * MILLION)).median)
    const isRead = first?.rebuilt === 0 && first.tagging === 'unique'
    const reads = isRead ? of(trials, 'read').filter(({ events }) => events === first.events) : []
    return [
      `${counted(first?.events)} events, ${first?.tagging === 'unique' ? 'a tag of its own each' : 'a thousand tags'}, ${first?.rebuilt === 0 ? 'index from its files' : 'index made anew'}`,
      ...spreadShown(spreadOf(own.map(({ openMs }) => openMs))),
      perMillion(({ indexBytes }) => indexBytes / MIB),
      perMillion(({ addedMemoryMiB }) => addedMemoryMiB),
      shown(spreadOf(reads.map(({ readUsP50 }) => readUsP50)).median),
      shown(spreadOf(reads.map(({ readUsP99 }) => readUsP99)).median),
    ]
  })
  return {
    title: 'Opening an event store, its memory, and reading one event by its tag',
    head: [
      ...['', 'openEventStore ms', 'from', 'to', 'index, MiB per million', 'resident, MiB per million'],
      ...['read by tag, p50 µs', 'p99 µs'],
    ],
    rows,
    notes: [
      'Each opening in a process of its own, which does nothing else; the log is opened too. Resident: beyond a process with an empty store, after a garbage collection. What is read lies in the page cache.',
      'Zero-filling ahead comes after opening: outside the clock.',
    ],
  }
}

function wanted(trials: readonly EventTrial[]): Figure[] {
  const appends = (producers: number, figure: (trial: AppendTrial) => number) =>
    reached(
      spreadOf(
        of(trials, 'append')
          .filter((trial) => trial.producers === producers && trial.tagging === 'unique')
          .map(figure),
      ),
    )
  const opened = of(trials, 'open').filter(
    ({ events, tagging, rebuilt }) => events === MILLION && tagging === 'unique' && rebuilt === 0,
  )
  const both = [64, 1024] as const
  return [
    ...both.map(
      (producers): Figure => ({
        name: `events, ${counted(producers)} producers, unconditional append ÷ bare log`,
        ...appends(producers, (trial) => trial.unconditionalToBare),
        unit: '×',
        wanted: 0.6,
        bound: 'at least',
      }),
    ),
    ...both.map(
      (producers): Figure => ({
        name: `events, ${counted(producers)} producers, conditional ÷ unconditional append`,
        ...appends(producers, (trial) => trial.conditionalToUnconditional),
        unit: '×',
        wanted: 0.75,
        bound: 'at least',
      }),
    ),
    ...both.map(
      (producers): Figure => ({
        name: `events, ${counted(producers)} producers, conditional append at 1,000,000 events ÷ at 1,000`,
        ...reached(
          spreadOf(
            of(trials, 'growth')
              .filter((trial) => trial.producers === producers && trial.events === MILLION)
              .map(({ largeToSmall }) => largeToSmall),
          ),
        ),
        unit: '×',
        wanted: 0.9,
        bound: 'at least',
      }),
    ),
    {
      name: 'events, reading one of 1,000,000 by its tag, p50',
      ...reached(
        spreadOf(
          of(trials, 'read')
            .filter((trial) => trial.events === MILLION)
            .map(({ readUsP50 }) => readUsP50),
        ),
      ),
      unit: 'µs',
      wanted: 100,
      bound: 'at most',
    },
    {
      name: 'events, openEventStore of 1,000,000 with the index’s files',
      ...reached(spreadOf(opened.map(({ openMs }) => openMs))),
      unit: 'ms',
      wanted: 1000,
      bound: 'at most',
    },
  ]
}
