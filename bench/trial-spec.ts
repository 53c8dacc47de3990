import type { LoadDuration, LoadFigures } from './closed-loop.js'
import type { DriverName } from './drivers/drivers.js'

/** What a trial, a process of its own, is asked to do. */
export type TrialSpec =
  /** Measures a driver under load. */
  | ({
      readonly kind: 'load'
      readonly driver: DriverName
      readonly directory: string
      readonly producers: number
      readonly inFlightMax: number
    } & LoadDuration)
  /** Measures a log in pairs of windows, with its figures and without. */
  | {
      readonly kind: 'switch-figures'
      readonly directory: string
      readonly producers: number
      readonly warmUpSeconds: number
      readonly pairs: number
    }
  /** Writes a log of that many sealed segments, and closes it. */
  | { readonly kind: 'seal'; readonly directory: string; readonly segments: number; readonly segmentBytes: number }
  /** Appends to one segment; answers once that many bytes are durable, and goes on until it is killed. */
  | { readonly kind: 'append-until-killed'; readonly directory: string; readonly bytes: number }
  /** Opens a log, and closes it again. */
  | { readonly kind: 'open'; readonly directory: string }

/** What each kind of trial answers. */
export interface TrialResults {
  load: LoadFigures
  /** Records a second, of each pair. */
  'switch-figures': { readonly pairs: readonly { readonly on: number; readonly off: number }[] }
  seal: { readonly segments: number; readonly bytes: number }
  'append-until-killed': { readonly durableRecords: number }
  open: OpenFigures
}

export interface OpenFigures {
  /** From the call of `openLog` until it resolved, the start of the writer's thread included. */
  readonly openMs: number
  readonly recoveryMs: number
  readonly bytesRead: number
  readonly records: number
  readonly segments: number
  readonly rewrittenRecords: number
  readonly cleanShutdown: boolean
}
