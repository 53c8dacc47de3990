import type { EventEmitter } from 'eventemitter3'
import type { EventFold } from './event-fold.js'
import type { ProjectionCheckpoint } from './projection-checkpoint.js'
import type { ProjectionEvents } from './projection-contract.js'
import type { CheckedDefinition } from './projection-definition.js'

/** As many bytes of a checkpoint are worth an event: a large state is written less often. */
const BYTES_PER_EVENT = 1024

/** Decides when a projection's checkpoints are made: one at a time, each of a state between two events. */
export class CheckpointSchedule<S> {
  readonly #checkpoint: ProjectionCheckpoint<S>
  readonly #definition: CheckedDefinition<S>
  readonly #fold: () => EventFold<S>
  readonly #events: EventEmitter<ProjectionEvents>
  /** The position of the checkpoint that is there; `undefined` where it is not that of this history of states. */
  #noted: number | undefined = 0
  /** How many events the fold had applied when the last checkpoint was begun. */
  #appliedThen = 0
  /** How many events lie between two. */
  #every: number
  #making: Promise<void> | undefined

  /**
   * @param fold the one whose state is shown
   * @param events where it is told what becomes of checkpoints
   */
  constructor(
    checkpoint: ProjectionCheckpoint<S>,
    definition: CheckedDefinition<S>,
    fold: () => EventFold<S>,
    events: EventEmitter<ProjectionEvents>,
  ) {
    this.#checkpoint = checkpoint
    this.#definition = definition
    this.#every = definition.checkpointEvery
    this.#fold = fold
    this.#events = events
  }

  /** Another fold is shown, and `position` is that of its checkpoint, if it has one. */
  begin(position: number | undefined): void {
    this.#noted = position
    this.#appliedThen = this.#fold().applied
  }

  /** The fold advanced, and is between two events. */
  advanced(): void {
    if (this.#fold().applied - this.#appliedThen >= this.#every) this.#makeInBackground()
  }

  /** Where few events matched, there was no checkpoint yet: without one the next start would look for them again. */
  caughtUp(): void {
    if (this.#fold().position - (this.#noted ?? 0) >= this.#definition.checkpointEvery) this.#makeInBackground()
  }

  /** Makes a checkpoint, unless nothing came since the last one. */
  async make(): Promise<void> {
    for (;;) {
      const other = this.#making ?? this.#fold().applying
      if (other === undefined) break
      await other
    }
    await this.#make()
  }

  #makeInBackground(): void {
    if (this.#making !== undefined) return
    this.#make().catch((error) => this.#events.emit('checkpointFailed', error))
  }

  /** The state is taken before this returns. */
  #make(): Promise<void> {
    const making = this.#write(this.#fold())
    this.#making = making.then(noted, noted).then(() => {
      this.#making = undefined
    })
    return making
  }

  async #write(fold: EventFold<S>): Promise<void> {
    const { position, last } = fold
    if (position === 0 || position === this.#noted) return
    this.#appliedThen = fold.applied
    const bytes = this.#definition.serialize(fold.state)
    const written = await this.#checkpoint.write({ position, bytes, last })
    if (written === undefined) return
    this.#every = Math.max(this.#definition.checkpointEvery, Math.floor(written.bytes / BYTES_PER_EVENT))
    if (fold === this.#fold()) this.#noted = written.position
    this.#events.emit('checkpoint', written)
  }
}

function noted(): void {}
