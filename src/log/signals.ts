/*
 * A caller's AbortSignal, looked at without running any code of the caller's: an object may have made something else of
 * these names for itself.
 */

const { addEventListener, removeEventListener } = EventTarget.prototype
const abortedGetter: ((this: AbortSignal) => boolean) | undefined = Object.getOwnPropertyDescriptor(
  AbortSignal.prototype,
  'aborted',
)?.get
if (abortedGetter === undefined) throw new Error('an AbortSignal does not tell whether it is aborted')
const abortedOf = abortedGetter

export function isSignal(value: unknown): value is AbortSignal {
  try {
    // It throws for all that is none: the cast asks it.
    abortedOf.call(value as AbortSignal)
    return true
  } catch {
    return false
  }
}

export function isAborted(signal: AbortSignal): boolean {
  return abortedOf.call(signal)
}

/** Calls `listener` once, when the signal is aborted. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  addEventListener.call(signal, 'abort', listener, { once: true })
}

export function offAbort(signal: AbortSignal, listener: () => void): void {
  removeEventListener.call(signal, 'abort', listener)
}
