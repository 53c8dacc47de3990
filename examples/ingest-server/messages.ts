/** A record that the service said is durable: the response to its request said 201. */
export interface Acknowledgement {
  readonly lsn: number
  readonly id: number
}

/** What the service tells the process that started it, once it listens. */
export interface ServiceReady {
  readonly port: number
  /** Records that it found in its folder, and the milliseconds that finding them took. */
  readonly recoveredRecords: number
  readonly recoveryMs: number
}

/** What the load tells the process that started it. */
export type LoadMessage =
  | {
      readonly kind: 'progress'
      readonly acknowledged: readonly Acknowledgement[]
      /** Milliseconds from request to response, of each of these records. */
      readonly latenciesMs: readonly number[]
      /** Milliseconds since the message before. */
      readonly elapsedMs: number
    }
  | {
      readonly kind: 'done'
      /** Milliseconds from the first acknowledgement to the last one. */
      readonly activeMs: number
      /** Responses other than 201, by status. */
      readonly refused: Readonly<Record<string, number>>
      /** Requests that were on their way when the first connection broke; `undefined` where none did. */
      readonly interruptedRequests: number | undefined
    }

/** What the load is told: to end, at once or, where the service was killed, as soon as a connection has broken. */
export type LoadOrder = 'stop' | 'stop once broken'
