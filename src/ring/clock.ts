/*
 * `performance.now()` counts from each thread's own start; `process.hrtime()` is the same clock in all threads of a
 * process, but makes an array. So: the fast one, moved to the zero of the other. Time between the two readings only
 * ever lowers the difference, and the first readings are slow: the highest of several is the best.
 */
const shiftMs = Math.max(...Array.from({ length: 20 }, measuredShiftMs))

function measuredShiftMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6 - performance.now()
}

/** Milliseconds on a monotonic clock that all threads of this process share. */
export function monotonicMs(): number {
  return performance.now() + shiftMs
}
