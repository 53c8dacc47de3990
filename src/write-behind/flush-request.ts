import { SluiceError } from '../errors.js'

const KEYS_SHOWN = 5

/** What a call of `flush` waits for. */
export class FlushRequest<K extends string> {
  readonly done: Promise<void>
  #resolve: () => void = () => {}
  #reject: (error: SluiceError) => void = () => {}
  /** By key: the mark that has to be saved, and how often that may still fail. */
  readonly #targets = new Map<K, { readonly mark: number; attemptsLeft: number }>()
  readonly #failed = new Map<K, { readonly mark: number; readonly error: unknown }>()

  constructor(targets: Iterable<{ readonly key: K; readonly mark: number }>, attempts: number) {
    for (const { key, mark } of targets) this.#targets.set(key, { mark, attemptsLeft: attempts })
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** This mark of the key was saved, and with it those before. */
  saved(key: K, mark: number): void {
    const target = this.#targets.get(key)
    if (target !== undefined && target.mark <= mark) this.#targets.delete(key)
    const failed = this.#failed.get(key)
    if (failed !== undefined && failed.mark <= mark) this.#failed.delete(key)
  }

  failed(key: K, error: unknown): void {
    const target = this.#targets.get(key)
    if (target === undefined) return
    target.attemptsLeft -= 1
    if (target.attemptsLeft === 0) this.#giveUp(key, target.mark, error)
  }

  /** The repository is left alone: whatever is not being saved at this moment could not be. */
  refused(isSaving: (key: K) => boolean, error: unknown): void {
    for (const [key, { mark }] of this.#targets) if (!isSaving(key)) this.#giveUp(key, mark, error)
  }

  /** Settles it, where nothing is left to wait for; returns whether it did. */
  settle(): boolean {
    if (this.#targets.size > 0) return false
    if (this.#failed.size === 0) this.#resolve()
    else this.#reject(saveFailedError(this.#failed))
    return true
  }

  #giveUp(key: K, mark: number, error: unknown): void {
    this.#targets.delete(key)
    this.#failed.set(key, { mark, error })
  }
}

function saveFailedError(failed: ReadonlyMap<string, { readonly error: unknown }>): SluiceError {
  const keys = [...failed.keys()]
  const named = keys.slice(0, KEYS_SHOWN).map((key) => JSON.stringify(key))
  const more = keys.length > KEYS_SHOWN ? ` and ${keys.length - KEYS_SHOWN} more` : ''
  const [first] = failed.values()
  const cause = first?.error
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SluiceError('SLUICE_SAVE_FAILED', `not saved: ${named.join(', ')}${more}: ${why}`, { cause, keys })
}
