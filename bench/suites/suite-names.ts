/** Every part of the benchmark, in the order in which it runs and is told. */
export const SUITE_NAMES = [
  'throughput',
  'sizes',
  'append-many',
  'large-records',
  'replay',
  'open-loop',
  'flush-policies',
  'tuning',
  'adaptive-delay',
  'reading',
  'recovery',
  'growth',
  'figures-cost',
  'events',
  'state',
  'write-behind',
] as const

export type SuiteName = (typeof SUITE_NAMES)[number]
