import { types } from 'node:util'
import { SluiceError, shown } from '../errors.js'
import { refuse } from './query.js'

/*
 * What an event holds must be there again when it is read. `JSON.stringify` makes `{}` of a `Map` without a word, an object
 * with numbered keys of bytes, `null` of `NaN`: all that is refused. What has a `toJSON`, such as a `Date`, says itself what
 * stands for it. Nothing is told of properties that are `undefined`, and of those that are not enumerable or have a symbol
 * for a key: they are left out.
 */

/** Deeper, and in circles, values are looked at in the slow way. */
const QUICK_DEPTH = 64
/** The parts of a value are shown down to this depth: `event.data.a.b[3]`. */
const SHOWN_KEYS = 8
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/**
 * A value as JSON; `undefined` where its `toJSON` gives nothing. Throws `SLUICE_INVALID_ARGUMENT` for one that JSON would
 * not give back, naming the place: `owner` and `property` are how it begins.
 */
export function jsonText(owner: string, property: string, value: unknown): string | undefined {
  const guard = isQuickly(value, QUICK_DEPTH) ? undefined : new JsonGuard(`${owner}.${property}`)
  try {
    return JSON.stringify(value, guard?.replacer)
  } catch (cause) {
    if (guard?.refusal !== undefined) throw guard.refusal
    const reason = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : shown(cause)
    return refuse(`${owner}.${property} can't be written as JSON: ${reason}`, cause)
  }
}

/**
 * Whether JSON gives all of it back, beyond doubt: `false` says nothing. It looks at every part of every event, so it knows
 * only the simplest ones. (A `toJSON` is a function, or lies in the prototype: where there is one, there is doubt.)
 */
function isQuickly(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 0) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) {
    for (const key in value) {
      // The key was just found in it.
      const part: unknown = value[key as keyof typeof value]
      if (part !== undefined && !isQuickly(part, depth - 1)) return false
    }
    return true
  }
  if (prototype === Array.prototype) {
    const parts = value as readonly unknown[] // By its prototype.
    for (let index = 0; index < parts.length; index++) if (!isQuickly(parts[index], depth - 1)) return false
    return true
  }
  return prototype === Date.prototype && types.isDate(value) && Number.isFinite(value.getTime())
}

/** An object that is being looked at, and the key under which the part lies that is looked at now. */
interface Frame {
  readonly object: object
  key: string
}

/** Looks at each part of a value as `JSON.stringify` comes to it, after `toJSON`. */
class JsonGuard {
  /** Why it was refused, once it was. */
  refusal: SluiceError | undefined
  /** To be given to `JSON.stringify`. */
  readonly replacer: (this: object, key: string, part: unknown) => unknown
  readonly #name: string
  /** The first one is that in which `JSON.stringify` itself puts the value. */
  readonly #frames: Frame[] = []

  constructor(name: string) {
    this.#name = name
    const check = (holder: object, key: string, part: unknown): void => this.#check(holder, key, part)
    this.replacer = function (key, part) {
      check(this, key, part)
      return part
    }
  }

  #check(holder: object, key: string, part: unknown): void {
    this.#enter(holder, key)
    // What was there before `toJSON`: a Buffer has one too, and does not come back as one.
    const given: unknown = Reflect.get(holder, key)
    if (ArrayBuffer.isView(given)) this.#refuse(`${shown(given)} (bytes can only be all of an event's data)`)
    if (types.isDate(given) && part === null) this.#refuse('an invalid date')
    if (part === undefined && !Array.isArray(holder)) return
    if (part === null || typeof part === 'string' || typeof part === 'boolean') return
    if (typeof part === 'number' && Number.isFinite(part)) return
    if (typeof part === 'bigint') this.#refuse(`${shown(part)}, a BigInt`)
    if (typeof part !== 'object' || !isPlainPart(part)) this.#refuse(shown(part))
    this.#frames.push({ object: part, key: '' })
  }

  #enter(holder: object, key: string): void {
    let frame = this.#frames.at(-1)
    while (frame !== undefined && frame.object !== holder) {
      this.#frames.pop()
      frame = this.#frames.at(-1)
    }
    if (frame === undefined) this.#frames.push({ object: holder, key })
    else frame.key = key
  }

  #refuse(what: string): never {
    const keys = this.#frames.slice(1, 1 + SHOWN_KEYS).map(({ object, key }) => {
      if (Array.isArray(object)) return `[${key}]`
      return IDENTIFIER.test(key) ? `.${key}` : `[${shown(key)}]`
    })
    const place = `${this.#name}${keys.join('')}${this.#frames.length > 1 + SHOWN_KEYS ? '…' : ''}`
    this.refusal = new SluiceError('SLUICE_INVALID_ARGUMENT', `${place} is ${what}: JSON doesn't give it back`)
    throw this.refusal
  }
}

/** An array, or an object that is no instance of a class, whichever realm it comes from. */
function isPlainPart(part: object): boolean {
  if (Array.isArray(part)) return true
  const prototype: unknown = Object.getPrototypeOf(part)
  if (prototype === null || prototype === Object.prototype) return true
  return typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null
}
