import { SluiceError, shown, systemCode } from '../errors.js'
import { systemError } from '../fs/system-error.js'
import { type Fault, FaultPlan, type FileSystemCall } from './fault.js'

/** What every call throws once the world was stopped by `crashAfter`, or has ended. */
export class SimulatedCrashError extends Error {
  override readonly name = 'SimulatedCrashError'
  readonly code = 'SIMULATED_CRASH'
}

/** What a call does, given its number and the fault that it meets. */
export type Effect<Result> = (number: number, fault: Fault | undefined) => Result

/** Every call of a simulated file system comes through here: to be noted, refused, or met by a fault. */
export class CallGate {
  readonly calls: FileSystemCall[] = []
  readonly faults = new FaultPlan()
  readonly #listeners = new Set<(call: FileSystemCall) => void>()
  #number: number
  #callsLeft = Number.POSITIVE_INFINITY
  #stoppedAt: FileSystemCall | undefined
  #ended = false

  /** @param number that of the last call so far, where changes that earlier calls made are carried over */
  constructor(number = 0) {
    this.#number = number
  }

  get number(): number {
    return this.#number
  }

  get stoppedAt(): FileSystemCall | undefined {
    return this.#stoppedAt
  }

  /** The nth call from now on, and all later ones, are refused. */
  stopAt(nth: number): void {
    if (!Number.isSafeInteger(nth) || nth < 1) {
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', `n must be a whole number from 1 on, not ${shown(nth)}`)
    }
    this.#callsLeft = nth - 1
  }

  /** All calls are refused from now on. */
  end(): void {
    this.#ended = true
  }

  listen(listener: (call: FileSystemCall) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Lets a call through. `interrupted` is run in place of the effect when the world stops at this call: what of it is
   * done all the same.
   */
  pass<Result>(call: FileSystemCall, effect: Effect<Result>, interrupted?: (number: number) => void): Result {
    if (this.#ended) throw new SimulatedCrashError(`${call.call}: this file system ended in a crash`)
    if (this.#stoppedAt !== undefined) throw new SimulatedCrashError(`${call.call}: the world has stopped`)
    const number = ++this.#number
    if (this.#callsLeft === 0) {
      this.#stoppedAt = call
      interrupted?.(number)
      throw new SimulatedCrashError(`the world stops at ${call.call} of ${call.path}`)
    }
    this.#callsLeft--
    for (const listener of this.#listeners) listener(call)
    const place = this.calls.push(call) - 1
    try {
      return effect(number, this.faults.meet(call))
    } catch (error) {
      const code = systemCode(error)
      if (code !== undefined) this.calls[place] = { ...call, error: code }
      throw error
    }
  }
}

/** For calls on which a fault has no other effect than its error. A call on a descriptor names no path. */
export function throwFault(fault: Fault | undefined, syscall: string, path?: string, to?: string): void {
  if (fault?.error !== undefined) throw systemError(fault.error, syscall, path, to)
}
