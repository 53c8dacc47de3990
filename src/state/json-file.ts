import { SluiceError } from '../errors.js'
import { readWholeFile, replaceFile } from '../snapshot/replaced-file.js'
import type { SnapshotPlace } from '../snapshot/snapshot-place.js'
import type { Keyspace } from './keyspace.js'
import { Pace } from './pace.js'
import type { Turns } from './turns.js'

/** Keeps a plain JSON file in step with the state. */
export class JsonFile<V> {
  readonly #place: SnapshotPlace
  readonly #debounceMs: number
  readonly #keys: Keyspace<V>
  readonly #dumps: Turns
  readonly #onFailure: (error: Error) => void
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  /** `keys.settledLsn` of what the file is known to have; -1: nothing is known of it. */
  #writtenLsn = -1
  /** That of what was written last, or was to be. */
  #triedLsn = -1

  constructor(
    place: SnapshotPlace,
    debounceMs: number,
    keys: Keyspace<V>,
    dumps: Turns,
    onFailure: (error: Error) => void,
  ) {
    this.#place = place
    this.#debounceMs = debounceMs
    this.#keys = keys
    this.#dumps = dumps
    this.#onFailure = onFailure
  }

  /** The state may have changed: the file will be written. */
  check(): void {
    if (this.#timer !== undefined || this.#writing !== undefined || this.#abort.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#writing = this.#write()
        .catch((error: Error) => {
          if (!this.#abort.signal.aborted) this.#onFailure(error)
        })
        .finally(() => {
          this.#writing = undefined
          // What has changed meanwhile. After a failure, too, it is a change that brings another attempt.
          if (this.#triedLsn !== this.#keys.settledLsn) this.check()
        })
    }, this.#debounceMs).unref()
  }

  /** Writes the file a last time, where it is not current; what is under way is given up. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#abort.abort()
    await this.#writing
    if (this.#writtenLsn !== this.#keys.settledLsn) await this.#write(new AbortController().signal)
  }

  #write(signal = this.#abort.signal): Promise<void> {
    return this.#dumps.run(async () => {
      const dump = this.#keys.beginDump()
      this.#triedLsn = dump.lsn
      const pace = new Pace(() => this.#keys.accepts)
      try {
        await replaceFile(this.#place, pieces(), signal)
        this.#writtenLsn = dump.lsn
      } finally {
        dump.end()
      }

      async function* pieces(): AsyncGenerator<Buffer> {
        let before = '{\n  '
        for (;;) {
          const texts = pace.slice(
            () => {
              const entry = dump.next()
              return entry && `${JSON.stringify(entry.key)}: ${entry.text}`
            },
            ({ length }) => length,
          )
          if (texts.length === 0) break
          yield Buffer.from(before + texts.join(',\n  '))
          before = ',\n  '
          await pace.pause()
        }
        yield Buffer.from(before === ',\n  ' ? '\n}\n' : '{}\n')
      }
    })
  }
}

/**
 * The keys and values of a plain JSON file; `undefined` where there is none. Rejects with `SLUICE_CORRUPT` for a file that holds
 * something else than one object, and `SLUICE_IO`.
 */
export async function readJsonFile(place: SnapshotPlace): Promise<[key: string, value: unknown][] | undefined> {
  const bytes = await readWholeFile(place)
  if (bytes === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch (cause) {
    throw notFit(place, 'no JSON', cause)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw notFit(place, 'no JSON object')
}

function notFit({ name }: SnapshotPlace, what: string, cause?: unknown): SluiceError {
  const message = `${name} is to be the first content of the store, and holds ${what}`
  return new SluiceError('SLUICE_CORRUPT', message, { file: name, cause })
}
