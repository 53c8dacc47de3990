/** What is used again and again. Records that need more get memory of their own. */
const ROOM_BYTES = 64 * 1024
/** Of records up to this length the views are kept: making one costs as much as writing forty characters. */
const KEPT_VIEWS_MAX = 2048
/** Longer strings are looked through, and written, faster by a call. */
const WRITTEN_HERE_MAX = 64
/** Objects that lie deeper in one another, or in a circle, are not simple. */
const DEPTH_MAX = 16
/** Digits of a whole number that is not negative and has 31 bits. */
const DIGITS_MAX = 10

const QUOTE = 0x22
const COMMA = 0x2c
const ZERO = 0x30
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** A character that is not its own JSON, or has more than one byte. */
const NOT_PLAIN = /[^ !#-[\]-~]/
const NULL = textBytes('null')
const TRUE = textBytes('true')
const FALSE = textBytes('false')
const hasOwn = Object.prototype.hasOwnProperty

/** Text in ASCII, for {@link JsonWriter.raw}. */
export function textBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text))
}

/**
 * Writes JSON straight into bytes: to make texts first, and to have them put together and written, takes longer and leaves
 * much garbage.
 */
export class JsonWriter {
  readonly #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  readonly #views: (Uint8Array | undefined)[] = new Array<undefined>(KEPT_VIEWS_MAX + 1).fill(undefined)
  #bytes = this.#room
  #start = 0
  #end = 0

  /** Bytes since the last {@link take}. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Begins anew: what was taken before is overwritten. */
  begin(): void {
    this.#bytes = this.#room
    this.#start = 0
    this.#end = 0
  }

  /** What was written since the last time. It holds until {@link begin}. */
  take(): Uint8Array {
    const start = this.#start
    const end = this.#end
    this.#start = end
    if (start > 0 || end > KEPT_VIEWS_MAX || this.#bytes !== this.#room) return this.#bytes.subarray(start, end)
    let view = this.#views[end]
    if (view === undefined) {
      view = this.#room.subarray(0, end)
      this.#views[end] = view
    }
    return view
  }

  /** Bytes as they are. */
  raw(text: Uint8Array): void {
    const length = text.length
    const bytes = this.#with(length)
    const end = this.#end
    if (length > WRITTEN_HERE_MAX) bytes.set(text, end)
    else for (let at = 0; at < length; at++) bytes[end + at] = text[at] ?? 0
    this.#end = end + length
  }

  /** A number in 32 bits, little-endian, over what lies `at` bytes behind the last {@link take}. */
  patch(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, this.#start + at)
  }

  /**
   * A value behind the name of its property, as `JSON.stringify` writes it; `false`, and nothing is written, where it is not
   * as simple as most values are: strings, finite numbers, booleans, `null`, and plain objects and arrays of them.
   */
  plainMember(name: Uint8Array, value: unknown): boolean {
    const before = this.#end
    this.raw(name)
    if (this.#value(value, 0)) return true
    this.#end = before
    return false
  }

  /** JSON that is there already, behind the name of its property. */
  member(name: Uint8Array, json: string): void {
    this.raw(name)
    this.#stringified(json)
  }

  /** A string in JSON. */
  string(value: string): void {
    if (value.length > WRITTEN_HERE_MAX || !this.#plain(value, 0)) this.#anyString(value)
  }

  /** The name of an object's next property, behind `before`. */
  #name(before: number, name: string): void {
    if (name.length <= WRITTEN_HERE_MAX && this.#plain(name, before)) return
    this.#byte(before)
    this.#anyString(name)
    this.#byte(COLON)
  }

  /**
   * A string of plain characters; `false`, and nothing is written, where there are others. Behind `before`, and before a
   * colon, where it is not 0. One loop, with what it needs at hand: most of an append's bytes come this way.
   */
  #plain(value: string, before: number): boolean {
    const length = value.length
    const bytes = this.#with(length + 4)
    let end = this.#end
    if (before !== 0) bytes[end++] = before
    bytes[end++] = QUOTE
    for (let at = 0; at < length; at++) {
      const unit = value.charCodeAt(at)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) return false
      bytes[end++] = unit
    }
    bytes[end++] = QUOTE
    if (before !== 0) bytes[end++] = COLON
    this.#end = end
    return true
  }

  /** As {@link plainMember}; what was written before it came to a doubt stays. */
  #value(value: unknown, depth: number): boolean {
    if (typeof value === 'string') {
      this.string(value)
      return true
    }
    if (typeof value === 'number') return this.#number(value)
    if (typeof value === 'object' && value !== null) {
      if (depth === DEPTH_MAX) return false
      return Array.isArray(value) ? this.#array(value, depth + 1) : this.#object(value, depth + 1)
    }
    if (typeof value !== 'boolean' && value !== null) return false
    this.raw(value === null ? NULL : value ? TRUE : FALSE)
    return true
  }

  #object(object: object, depth: number): boolean {
    if (Object.getPrototypeOf(object) !== Object.prototype || hasToJson(object)) return false
    const value = object as Readonly<Record<string, unknown>> // By its prototype.
    let before = OPEN_OBJECT
    for (const key in value) {
      if (!hasOwn.call(value, key)) return false
      const part = value[key]
      if (part === undefined) continue
      this.#name(before, key)
      if (!this.#value(part, depth)) return false
      before = COMMA
    }
    if (before === OPEN_OBJECT) this.#byte(OPEN_OBJECT)
    this.#byte(CLOSE_OBJECT)
    return true
  }

  #array(value: readonly unknown[], depth: number): boolean {
    if (hasToJson(value)) return false
    this.#byte(OPEN_ARRAY)
    for (let at = 0; at < value.length; at++) {
      if (at > 0) this.#byte(COMMA)
      if (!this.#value(value[at], depth)) return false
    }
    this.#byte(CLOSE_ARRAY)
    return true
  }

  #number(value: number): boolean {
    if ((value | 0) !== value || value < 0) {
      if (!Number.isFinite(value)) return false
      this.#stringified(String(value))
      return true
    }
    const bytes = this.#with(DIGITS_MAX)
    let digits = 1
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++
    this.#end += digits
    let rest = value
    for (let at = this.#end; digits > 0; digits--) {
      const tenth = (rest / 10) | 0
      bytes[--at] = ZERO + rest - tenth * 10
      rest = tenth
    }
    return true
  }

  /** A string that is long, or has escapes, or characters of more than one byte. */
  #anyString(value: string): void {
    if (NOT_PLAIN.test(value)) {
      this.#stringified(JSON.stringify(value))
      return
    }
    const length = value.length
    const bytes = this.#with(length + 2)
    bytes[this.#end] = QUOTE
    bytes.write(value, this.#end + 1, 'latin1')
    bytes[this.#end + length + 1] = QUOTE
    this.#end += length + 2
  }

  #stringified(json: string): void {
    const bytes = this.#with(json.length > WRITTEN_HERE_MAX ? Buffer.byteLength(json) : json.length * 3)
    this.#end += bytes.write(json, this.#end)
  }

  #byte(byte: number): void {
    this.#with(1)[this.#end++] = byte
  }

  /** The memory, with room for so many bytes more. */
  #with(more: number): Buffer {
    const needed = this.#end + more
    return needed <= this.#bytes.length ? this.#bytes : this.#grown(needed)
  }

  #grown(needed: number): Buffer {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
    return grown
  }
}

/** Whether `JSON.stringify` would ask it for something else to write. */
function hasToJson(value: object): boolean {
  return (value as { readonly toJSON?: unknown }).toJSON !== undefined // Of any object it can be asked.
}
