/** Who ends what a test, or a script, has started: ava's `t` is one. */
export interface Teardown {
  teardown(task: () => unknown): void
}

/** The {@link Teardown} of a script: what was begun last ends first. */
export class ScriptTeardown implements Teardown {
  readonly #tasks: (() => unknown)[] = []

  teardown(task: () => unknown): void {
    this.#tasks.push(task)
  }

  async run(): Promise<void> {
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) await task()
  }
}
