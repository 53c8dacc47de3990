import type { PositionWatch } from './position-watch.js'
import type { ProjectionStatus } from './projection-contract.js'
import { type EventSource, type ProjectionRun, stoppedError } from './projection-run.js'

/** How a projection stands. */
export interface Standing<S> {
  readonly status: ProjectionStatus
  readonly error: unknown
  /** Whose state is shown. */
  readonly run: ProjectionRun<S>
}

/** What a wait for a projection looks at. */
export interface WaitedFor<S> {
  readonly name: string
  readonly source: EventSource
  readonly watch: PositionWatch
  standing(): Standing<S>
}

/** Resolves once the projection has come to `position`; rejects once it never will. */
export async function untilPosition<S>(
  projection: WaitedFor<S>,
  position: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name, source, watch } = projection
  /** An event below it, or at it, that is known to be on its way. */
  let coming = 0
  // Between a look at how things stand and the wait for a change nothing else may run.
  for (;;) {
    signal?.throwIfAborted()
    const { status, error, run } = projection.standing()
    if (run.position >= position) return
    if (status === 'failed') throw error
    if (status === 'stopped') throw stoppedError(name)
    if (status !== 'live' || run.ended) await watch.reaches(position, signal)
    else if (run.position < coming) await watch.reaches(coming, signal)
    else if (source.head() < position) await stored(projection, position, signal)
    else {
      // What is durable was handed to the subscription, as a rule: it is let do its work first.
      await new Promise((resolve) => setImmediate(resolve))
      if (run.position < position) coming = Math.min(position, (await lookAhead(projection, run)) ?? 0)
    }
  }
}

/** Resolves once there is an event at this position, or the projection has moved. */
async function stored<S>(
  { source, watch }: WaitedFor<S>,
  position: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const over = new AbortController()
  const either = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
  const reached = watch.reaches(position, either)
  try {
    const events = source.subscribe('all', { from: position, signal: either })
    const next = events[Symbol.asyncIterator]().next()
    const result = await Promise.race([reached, next])
    // The store is closed: the projection ends too, and wakes all then.
    if (result?.done === true) await reached
  } finally {
    over.abort()
    reached.catch(() => {}) // Nobody waits for it any more.
  }
}

async function lookAhead<S>(projection: WaitedFor<S>, run: ProjectionRun<S>): Promise<number | undefined> {
  try {
    return await run.lookAhead()
  } catch (error) {
    // Another run took its place, or it came to its end: that is looked at again.
    if (run === projection.standing().run && !run.ended) throw error
    return undefined
  }
}
