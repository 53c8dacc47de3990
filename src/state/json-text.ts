import { SluiceError, shown } from '../errors.js'

/** What is stored of a value. Throws `SLUICE_INVALID_ARGUMENT`, saying which part of the value JSON doesn't have. */
export function jsonOf(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause)
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `value can't be stored: ${culpritOf(value) ?? reason}`, { cause })
  }
  if (text !== undefined) return text
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', `value can't be stored: JSON has no ${shown(value)}`)
}

/** A key as JSON. */
export function quoted(key: string): string {
  return PLAIN.test(key) ? `"${key}"` : JSON.stringify(key)
}

/** What stands for itself in JSON: printable ASCII but for quotes and backslashes. */
const PLAIN = /^[ !#-[\]-~]*$/

/** The value of a text that {@link jsonOf} made of a V, frozen. */
export function storedValue<V>(text: string): Readonly<V> {
  return frozen(JSON.parse(text) as Readonly<V>) // What was stored of a V, and came back.
}

/** What the bytes of a JSON text hold; `undefined` where they are none. */
export function parsedBytes(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** Makes a value that JSON.parse has made unchangeable, with all that is in it. Returns it. */
export function frozen<Value>(value: Value): Value {
  // What is frozen was frozen here, with all that is in it: nothing else has had the value before.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const rest: object[] = [value]
  for (let object = rest.pop(); object !== undefined; object = rest.pop()) {
    Object.freeze(object)
    for (const inner of Object.values(object)) {
      if (typeof inner === 'object' && inner !== null) rest.push(inner)
    }
  }
  return value
}

/** Where in a value the part is that can't be stored; `undefined` where it isn't found: a `toJSON` that throws, say. */
function culpritOf(value: unknown): string | undefined {
  const above = new Set<object>()
  return search(value, 'value')

  function search(part: unknown, path: string): string | undefined {
    if (typeof part === 'bigint') return `${path} is a BigInt`
    if (typeof part !== 'object' || part === null || hasOwnForm(part)) return undefined
    if (above.has(part)) return `${path} leads back to what it lies in`
    if (above.size > DEPTH_MAX) return undefined
    above.add(part)
    for (const [name, inner] of Object.entries(part)) {
      const found = search(inner, Array.isArray(part) ? `${path}[${name}]` : `${path}.${name}`)
      if (found !== undefined) return found
    }
    above.delete(part)
    return undefined
  }
}

/** Deeper than this nobody would want to read the path. */
const DEPTH_MAX = 100

function hasOwnForm(part: object): boolean {
  return 'toJSON' in part && typeof part.toJSON === 'function'
}
