import type { TuningMap } from '../suites/tuning.js'
import type { Scale } from './scale.js'
import type { SeriesStyle } from './series-style.js'

export interface Point {
  readonly x: number
  readonly y: number
  /** The lowest and the highest of the rounds. */
  readonly spread?: readonly [number, number]
  /** What is told of it: its values, with units. */
  readonly told: string
}

export interface Series {
  readonly name: string
  /** What is written at the end of its line, where not its name. */
  readonly label?: string
  readonly style: SeriesStyle
  readonly points: readonly Point[]
}

/** Lines over two axes. */
export interface LineChart {
  readonly kind: 'lines'
  /** For anchors. */
  readonly id: string
  readonly title: string
  readonly note: string
  readonly xLabel: string
  readonly yLabel: string
  readonly x: Scale
  readonly y: Scale
  readonly series: readonly Series[]
  /** Whether each point has a dot. */
  readonly dots: boolean
}

/** A coloured table of figures. */
export interface HeatMap {
  readonly kind: 'heat'
  readonly id: string
  readonly title: string
  readonly note: string
  readonly xLabel: string
  readonly yLabel: string
  readonly map: TuningMap
}

export type Chart = LineChart | HeatMap
