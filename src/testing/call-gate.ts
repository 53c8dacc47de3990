import { SluiceError, shown, systemCode } from '../errors.js'
import { systemError } from '../fs/system-error.js'
import { type Fault, FaultPlan, type FileSystemCall, type MetFault } from './fault.js'

/** What every call throws once the world was stopped by `crashAfter`, or has ended. */
export class SimulatedCrashError extends Error {
  override readonly name = 'SimulatedCrashError'
  readonly code = 'SIMULATED_CRASH'
}

/** A call that is about to be made. */
export interface GatedCall<Result> {
  readonly call: FileSystemCall
  /** What it does, given its number among all effects and the fault that it meets. */
  readonly effect: (number: number, fault: Fault | undefined) => Result
  /** Run in place of the effect when the world stops at this call: what of it is done all the same. */
  readonly interrupted?: (number: number) => void
}

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

  /** All calls are refused from now on, also those that are held. */
  end(): void {
    this.#ended = true
    this.faults.releaseAll()
  }

  listen(listener: (call: FileSystemCall) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Lets a call through, which blocks where it meets a delay. */
  pass<Result>(gated: GatedCall<Result>): Result {
    const place = this.#admit(gated)
    return this.#noting(place, () => {
      const fault = this.faults.meet(gated.call)
      if (fault?.delayMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.delayMs)
      return gated.effect(++this.#number, fault)
    })
  }

  /** Lets a call through that can be delayed while others go on; without a delay it takes effect before this returns. */
  async passLater<Result>(gated: GatedCall<Result>): Promise<Result> {
    const place = this.#admit(gated)
    const fault = this.#noting(place, () => this.faults.meet(gated.call))
    if (fault?.hold === true || fault?.delayMs !== undefined) await this.#delay(gated.call, fault)
    return this.#noting(place, () => gated.effect(++this.#number, fault))
  }

  async #delay(call: FileSystemCall, { delayMs, hold, released }: MetFault): Promise<void> {
    if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (hold === true) await released
    this.#refuse(call)
  }

  /** Notes a call, and returns its place among the calls; refuses it where the world has stopped, or stops now. */
  #admit({ call, interrupted }: GatedCall<unknown>): number {
    this.#refuse(call)
    if (this.#callsLeft === 0) {
      this.#stoppedAt = call
      interrupted?.(++this.#number)
      this.faults.releaseAll()
      throw new SimulatedCrashError(`the world stops at ${call.call} of ${call.path}`)
    }
    this.#callsLeft--
    for (const listener of this.#listeners) listener(call)
    return this.calls.push(call) - 1
  }

  #refuse({ call }: FileSystemCall): void {
    if (this.#ended) throw new SimulatedCrashError(`${call}: this file system ended in a crash`)
    if (this.#stoppedAt !== undefined) throw new SimulatedCrashError(`${call}: the world has stopped`)
  }

  #noting<Result>(place: number, work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      const code = systemCode(error)
      const call = this.calls[place]
      if (code !== undefined && call !== undefined) this.calls[place] = { ...call, error: code }
      throw error
    }
  }
}

/** For calls on which a fault has no other effect than its error. A call on a descriptor names no path. */
export function throwFault(fault: Fault | undefined, syscall: string, path?: string, to?: string): void {
  if (fault?.error !== undefined) throw systemError(fault.error, syscall, path, to)
}
