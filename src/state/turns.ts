/** Lets one piece of asynchronous work run at a time, in the order in which they come. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work)
    // Who comes next waits for the end, however it ended.
    this.#last = result.catch(() => {})
    return result
  }
}
