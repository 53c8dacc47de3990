import { SluiceError, shown } from './errors.js'

/*
 * What the checks of all options have in common. All of them throw `SLUICE_INVALID_OPTION`, naming the option, with what
 * stands before it, and the value that they refuse.
 */

export function refuseOption(message: string): never {
  throw new SluiceError('SLUICE_INVALID_OPTION', message)
}

/** An object that is no array: each of its properties is to be looked at as unknown. */
export function plainObject(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuseOption(`${name} must be an object, not ${shown(value)}`)
  }
  return value as Record<string, unknown> // An object that is no array: each property is looked at as unknown.
}

/** Refuses a misspelt name. `prefix` is what stands before it: `flush.`, or nothing. */
export function refuseUnknownOption(prefix: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) refuseOption(`there is no option ${prefix}${unknown}; there are ${known.join(', ')}`)
}

/** A whole number between bounds, which are allowed themselves; `fallback` where none is given. */
export function wholeOption(name: string, value: unknown, least: number, most: number, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  return refuseOption(`${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`)
}
