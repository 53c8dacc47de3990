import { SimulatedFileSystem } from '../../src/testing/index.js'

/** Lets background writes wait until the test lets them go on. */
export class GatedWrites extends SimulatedFileSystem {
  readonly #open: (() => void)[] = []
  #gated = true

  override async write(...given: Parameters<SimulatedFileSystem['write']>): Promise<number> {
    if (this.#gated) await new Promise<void>((resolve) => this.#open.push(resolve))
    return super.write(...given)
  }

  /** How many writes wait. */
  get waiting(): number {
    return this.#open.length
  }

  /** Lets the writes that wait go on; later ones wait again. */
  letOn(): void {
    for (const open of this.#open.splice(0)) open()
  }

  /** Lets all writes go on from now on. */
  letGo(): void {
    this.#gated = false
    this.letOn()
  }
}
