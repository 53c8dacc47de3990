import { SluiceError, shown } from '../errors.js'

/**
 * A value as JSON; `undefined` where its `toJSON` gives nothing. Throws `SLUICE_INVALID_ARGUMENT`, naming the place, for what
 * JSON does not give back.
 */
export function jsonContent(name: string, value: unknown): string | undefined {
  const places = new Map<unknown, string>()
  const check = (holder: object, key: string, part: unknown): void => {
    const around = places.get(holder)
    const place = around === undefined ? name : `${around}${keyText(holder, key)}`
    const given: unknown = Reflect.get(holder, key)
    if (!isGivenBack(holder, given, part)) {
      const message = `${place} is ${shown(ArrayBuffer.isView(given) ? given : part)}, which JSON can't give back`
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', given instanceof Date ? `${place} is an invalid date` : message)
    }
    places.set(part, place)
  }
  try {
    return JSON.stringify(value, function (this: object, key, part: unknown) {
      check(this, key, part)
      return part
    })
  } catch (error) {
    if (error instanceof SluiceError) throw error
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${name} can't be turned into JSON: ${String(error)}`, {
      cause: error,
    })
  }
}

/** `part` is what `toJSON`, if there is one, made of `given`. */
function isGivenBack(holder: object, given: unknown, part: unknown): boolean {
  if (ArrayBuffer.isView(given)) return false
  if (part === null) return !(given instanceof Date)
  switch (typeof part) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(part)
    case 'undefined':
      return !Array.isArray(holder)
    case 'object':
      return Array.isArray(part) || isPlainObject(part)
    default:
      return false
  }
}

/** No instance of a class: its prototype is that of all objects, of any realm, or there is none. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function keyText(holder: object, key: string): string {
  if (Array.isArray(holder)) return `[${key}]`
  return /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
