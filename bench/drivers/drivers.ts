import { device } from './device.js'
import type { Driver } from './driver.js'
import { fsyncInTurn, fsyncPerAppend } from './fsync-per-append.js'
import { sluice } from './sluice.js'

/** Everything that can be measured, by name. */
export const DRIVERS = {
  sluice,
  'fsync-per-append': fsyncPerAppend,
  'fsync-in-turn': fsyncInTurn,
  device,
} as const satisfies Record<string, Driver>

export type DriverName = keyof typeof DRIVERS
