/*
 * `performance.now()` counts from each thread's own start; `process.hrtime()` is the same clock in all threads of a
 * process, but makes an array. So: the fast one, moved once to the zero of the other.
 */
const [seconds, nanoseconds] = process.hrtime()
const shiftMs = seconds * 1000 + nanoseconds / 1e6 - performance.now()

/** Milliseconds on a monotonic clock that all threads of this process share. */
export function monotonicMs(): number {
  return performance.now() + shiftMs
}
