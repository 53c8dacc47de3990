import { SluiceError, shown } from '../errors.js'
import type { FollowOptions, ReadOptions } from './contract.js'

/** Throws `SLUICE_INVALID_ARGUMENT` for what is not an LSN: a whole number from 1 to 2^53-1. */
export function checkLsn(name: string, value: unknown): void {
  checkInteger(name, value, 1)
}

/** Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses. */
export function checkReadOptions(options: ReadOptions): void {
  checkOptions('read', options, ['from', 'to', 'limit', 'signal'])
  if (options.from !== undefined) checkLsn('from', options.from)
  if (options.to !== undefined) checkLsn('to', options.to)
  if (options.limit !== undefined) checkInteger('limit', options.limit, 0)
  checkSignal(options.signal)
}

/** Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses. */
export function checkFollowOptions(options: FollowOptions): void {
  checkOptions('follow', options, ['from', 'signal'])
  if (options.from !== undefined) checkLsn('from', options.from)
  checkSignal(options.signal)
}

function checkOptions(method: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuse(`the options of ${method} must be an object, not ${shown(options)}`)
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`${method} has no option ${unknown}; it has ${known.join(', ')}`)
}

function checkInteger(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= least) return
  refuse(`${name} must be a whole number from ${least} to 2^53-1, not ${shown(value)}`)
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
  }
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
