import { SteppedClock } from '../stepped-clock.js'

type Teardown = Parameters<typeof SteppedClock.install>[0]

/**
 * Time that only passes when it is told to, and a calendar that stands still, as it does while a clock is set back: so
 * that frames of a timeline that was lost are as young as those of the next one.
 */
export function freezeTime(t: Teardown): SteppedClock {
  const { now } = Date
  const frozenMs = now()
  Date.now = () => frozenMs
  t.teardown(() => {
    Date.now = now
  })
  return SteppedClock.install(t)
}
