import type { ExitCode } from './exit-code.js'

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

type Name = keyof typeof EXIT_CODES

/** Listens for SIGINT and SIGTERM. The first one asks to come to an end; the second one ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #listener = (name: Name): void => {
    // Without a listener the next one has its usual effect.
    this.ignore()
    this.#name = name
    this.#controller.abort()
  }
  #name: Name | undefined

  constructor() {
    process.on('SIGINT', this.#listener)
    process.on('SIGTERM', this.#listener)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Which one it was, and its exit code; `undefined` while there was none. */
  get cause(): { readonly name: Name; readonly exitCode: ExitCode } | undefined {
    return this.#name && { name: this.#name, exitCode: EXIT_CODES[this.#name] }
  }

  /** Stops listening. */
  ignore(): void {
    process.off('SIGINT', this.#listener)
    process.off('SIGTERM', this.#listener)
  }
}
