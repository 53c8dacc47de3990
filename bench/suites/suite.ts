import type { Distributions } from '../distributions.js'
import type { DriverName } from '../drivers/drivers.js'
import type { LineSource } from '../lines.js'
import type { Settings } from '../settings.js'
import type { Spread } from '../statistics.js'
import type { Table } from '../table.js'
import type { Trials } from '../trials.js'

/** One of the figures that the benchmark is run for. */
export interface Figure {
  readonly name: string
  /** NaN where it was not measured. */
  readonly reached: number
  /** The lowest and the highest of the rounds. */
  readonly from: number
  readonly to: number
  readonly unit: string
  readonly wanted: number
  readonly bound: 'at least' | 'at most' | 'below'
}

/** What a run measures with. */
export interface Bench {
  readonly trials: Trials
  /** Its drivers are those that are installed. */
  readonly settings: Settings
  readonly lines: LineSource
  /** How many fsyncs at once are the fastest, for the drivers that use the threads of Node's own file calls. */
  readonly fsyncsInFlight: number
  readonly distributions: Distributions
  /** Whether a driver is installed and, where drivers were asked for by name, among them. sluice and the limits always are. */
  takesPart(driver: DriverName): boolean
  /** Says what it is at. */
  progress(text: string): void
}

/** One part of the benchmark. A row is one trial: a flat object, as it stands in the JSON. */
export interface Suite<Row extends object> {
  /** More rounds than these tell nothing more. */
  readonly roundsMax: number
  /** Measures everything once, in turns, and keeps each trial as soon as it has ended. */
  measure(bench: Bench, round: number, keep: (row: Row) => void): Promise<void>
  /** For people, from the rows of all rounds. */
  tables(rows: readonly Row[]): readonly Table[]
  figures(rows: readonly Row[]): readonly Figure[]
}

/** A figure's value: the median of the rounds. */
export function reached({ median, min, max }: Spread): Pick<Figure, 'reached' | 'from' | 'to'> {
  return { reached: median, from: min, to: max }
}

export function isMeasured(figure: Figure): boolean {
  return !Number.isNaN(figure.reached)
}

export function isReached(figure: Figure): boolean {
  if (figure.bound === 'at least') return figure.reached >= figure.wanted
  return figure.bound === 'at most' ? figure.reached <= figure.wanted : figure.reached < figure.wanted
}
