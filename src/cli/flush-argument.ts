import type { LogOptions } from '../log/contract.js'
import { UsageError } from './usage-error.js'

const INTERVAL = /^(\d{1,9})ms$/

/** The options that `--flush` stands for. Throws `UsageError`. */
export function flushOptions(text: string | undefined): Pick<LogOptions, 'flush' | 'ack'> {
  if (text === undefined || text === 'batch') return {}
  if (text === 'never') return { flush: 'never' }
  const everyMs = INTERVAL.exec(text)?.[1]
  // Nothing needs to wait for the interval: everything is made durable at the end.
  if (everyMs !== undefined) return { flush: { everyMs: Number(everyMs) }, ack: 'written' }
  throw new UsageError(`--flush must be batch, never, or an interval such as 100ms, not ${JSON.stringify(text)}`)
}
