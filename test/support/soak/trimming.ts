import type { Log } from '../../../src/log/contract.js'
import type { SoakState } from './soak-state.js'

/** How many segments a trim leaves, besides the one that is written. */
const SEGMENTS_KEPT = 6

/** Gives up old segments with each rotation, one trim at a time: never what a steady reader has not had. */
export function trimming(state: SoakState, log: Log): (segment: { readonly firstLsn: number }) => void {
  let trimming = false
  return ({ firstLsn }) => {
    state.counts.rotations++
    state.segments.push(firstLsn)
    const kept = state.segments.at(-SEGMENTS_KEPT)
    if (trimming || kept === undefined) return
    trimming = true
    log.trim(Math.min(kept, state.steady.here + 1, state.steady.elsewhere + 1)).then(
      () => {
        trimming = false
        state.counts.trims++
        state.segments = state.segments.filter((each) => each > log.firstLsn)
      },
      (error: unknown) => {
        // A trim that is under way when the log is closed may be refused.
        if (log.status === 'open') state.violate(`a trim failed: ${String(error)}`)
      },
    )
  }
}
