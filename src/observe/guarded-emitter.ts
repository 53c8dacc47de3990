import { EventEmitter } from 'eventemitter3'

type AnyListener = (...values: readonly unknown[]) => void

/**
 * An event emitter whose listeners can't harm who emits: eventemitter3 lets a listener's error through to the caller of
 * `emit`, and skips the listeners after it. Here each listener is called for itself, and what it throws is thrown again
 * from the event loop, as an uncaught exception: neither swallowed, nor on the commit path.
 */
export class GuardedEmitter<Events extends EventEmitter.ValidEventTypes> extends EventEmitter<Events> {
  readonly #guards = new WeakMap<object, AnyListener>()
  /** Which listener each guard is for. */
  readonly #guarded = new WeakMap<object, object>()

  override on<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.on(event, this.#guard(listener), context)
  }

  override addListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context)
  }

  override once<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.once(event, this.#guard(listener), context)
  }

  override off<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return super.off(event, listener === undefined ? undefined : this.#guard(listener), context, once)
  }

  override removeListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once)
  }

  override listeners<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
  ): EventEmitter.EventListener<Events, Name>[] {
    return super.listeners(event).map((guard) => {
      // What a guard was made for is a listener of the same event.
      return (this.#guarded.get(guard) ?? guard) as EventEmitter.EventListener<Events, Name>
    })
  }

  // One guard a listener, so that `off` finds it again.
  #guard<Guarded extends object>(listener: Guarded): Guarded {
    // What is no function, the emitter refuses. A guard comes from itself: it takes a `once` out when it is called.
    if (typeof listener !== 'function' || this.#guarded.has(listener)) return listener
    const call = listener as unknown as AnyListener // It was just found to be a function.
    const guard =
      this.#guards.get(listener) ??
      function guard(this: unknown, ...values: readonly unknown[]): void {
        try {
          call.apply(this, [...values])
        } catch (error) {
          setImmediate(() => {
            throw error
          })
        }
      }
    this.#guards.set(listener, guard)
    this.#guarded.set(guard, listener)
    return guard as unknown as Guarded // It takes what the listener takes, and hands it on.
  }
}
