import { type DriverName, driverOf } from '../drivers/drivers.js'

/** Those of the drivers that can be measured here. */
export function installed(drivers: readonly DriverName[]): readonly DriverName[] {
  return drivers.filter((name) => driverOf(name).whyMissing?.() === undefined)
}
