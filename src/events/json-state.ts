import { SluiceError, shown } from '../errors.js'

/** The parts of a state are shown down to this depth: `$.a.b[3]`. */
const SHOWN_PARTS = 8

/**
 * A state as JSON, refused with `SLUICE_INVALID_ARGUMENT` where it would not come back as it was: a `Map` becomes `{}`
 * without a word, `NaN` becomes `null`, a `Date` a string. A property that is `undefined` is left out: that is let pass.
 */
export function encodeJsonState(state: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(state)
  } catch (cause) {
    // A cycle, a BigInt, or one too deep.
    const message = `JSON can't hold the state (give serialize and deserialize): ${String(cause)}`
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', message, { cause })
  }
  checkPart(state, [])
  // What JSON has no text for was just refused.
  return text ?? ''
}

/** It has no cycles: JSON was made of it already. */
function checkPart(part: unknown, path: (string | number)[]): void {
  if (part === null || typeof part === 'string' || typeof part === 'boolean') return
  if (typeof part === 'number') {
    if (Number.isFinite(part)) return
  } else if (Array.isArray(part)) {
    for (let index = 0; index < part.length; index++) checkBelow(part[index], path, index)
    return
  } else if (typeof part === 'object' && Object.getPrototypeOf(part) === Object.prototype) {
    for (const [key, value] of Object.entries(part)) if (value !== undefined) checkBelow(value, path, key)
    return
  }
  const place = path.slice(0, SHOWN_PARTS).map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
  const message = `JSON can't hold the state (give serialize and deserialize): $${place.join('')} is ${shown(part)}`
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}

function checkBelow(part: unknown, path: (string | number)[], key: string | number): void {
  path.push(key)
  checkPart(part, path)
  path.pop()
}
