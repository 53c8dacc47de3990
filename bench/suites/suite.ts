import type { Settings } from '../settings.js'
import type { Trials } from '../trials.js'

/** One of the figures that the benchmark is run for. */
export interface Figure {
  readonly name: string
  /** NaN where it was not measured. */
  readonly reached: number
  readonly unit: string
  readonly wanted: number
  readonly bound: 'at least' | 'at most' | 'below'
}

export interface SuiteReport {
  /** For people. */
  readonly text: string
  /** For programs: every trial. */
  readonly data: unknown
  readonly figures: readonly Figure[]
}

/** Runs its trials, saying what it is at. */
export type Suite = (trials: Trials, settings: Settings, progress: (text: string) => void) => Promise<SuiteReport>

export function isReached(figure: Figure): boolean {
  if (figure.bound === 'at least') return figure.reached >= figure.wanted
  return figure.bound === 'at most' ? figure.reached <= figure.wanted : figure.reached < figure.wanted
}
