import { SluiceError, shown, systemCode } from '../errors.js'
import { GuardedEmitter } from '../observe/guarded-emitter.js'
import { CheckpointSchedule } from './checkpoint-schedule.js'
import type { EventShape, EventStore, Query } from './contract.js'
import type { FoldedState } from './event-fold.js'
import { PositionWatch } from './position-watch.js'
import { type CheckpointFolder, ProjectionCheckpoint } from './projection-checkpoint.js'
import type {
  Projection,
  ProjectionDefinition,
  ProjectionEvents,
  ProjectionProgress,
  ProjectionStatus,
  RebuildOptions,
  UntilOptions,
} from './projection-contract.js'
import { type CheckedDefinition, checkDefinition } from './projection-definition.js'
import { type EventSource, ProjectionRun, stoppedError } from './projection-run.js'
import { untilPosition } from './projection-wait.js'
import { isPlain, refuse, refuseUnknown } from './query.js'

/** A store of events `E`, or what reads of one. */
export type TypedSource<E extends EventShape> = Pick<EventStore<E>, 'read' | 'subscribe' | 'head'>

/**
 * Starts a projection: from its checkpoint, where there is one that can be used. Without a folder it makes none.
 * `ended` is called once nothing is done for it any more.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` for a definition that can't be, and what `init` throws.
 */
export function createProjection<E extends EventShape, const Q extends Query<E['type']>, S>(
  source: TypedSource<E>,
  folder: CheckpointFolder | undefined,
  definition: ProjectionDefinition<E, Q, S>,
  ended: () => void = noted,
): Projection<S> {
  return new LiveProjection(source, folder, checkDefinition(definition), ended)
}

class LiveProjection<S> extends GuardedEmitter<ProjectionEvents> implements Projection<S> {
  readonly name: string
  readonly #source: EventSource
  readonly #definition: CheckedDefinition<S>
  readonly #ended: () => void
  readonly #checkpoint: ProjectionCheckpoint<S> | undefined
  readonly #schedule: CheckpointSchedule<S> | undefined
  readonly #watch = new PositionWatch()
  /** What has to end before this has stopped. None of them rejects. */
  readonly #tasks = new Set<Promise<void>>()
  #status: ProjectionStatus = 'catching-up'
  #error: unknown
  /** Whose state is shown. */
  #run: ProjectionRun<S>
  /** The run of a rebuilding, which takes the other one's place at its end. */
  #rebuilt: ProjectionRun<S> | undefined
  #stopping: Promise<void> | undefined

  constructor(
    source: EventSource,
    folder: CheckpointFolder | undefined,
    definition: CheckedDefinition<S>,
    ended: () => void,
  ) {
    super()
    this.#ended = ended
    this.name = definition.name
    this.#source = source
    this.#definition = definition
    this.#run = this.#runFrom()
    if (folder !== undefined) {
      // Now, and not at the first checkpoint, it shows that this state can't be written down.
      definition.serialize(this.#run.fold.state)
      this.#checkpoint = new ProjectionCheckpoint(folder, source, definition)
      this.#schedule = new CheckpointSchedule(this.#checkpoint, definition, () => this.#run.fold, this)
    }
    this.#track(this.#begin(this.#run))
  }

  get status(): ProjectionStatus {
    return this.#status
  }

  get state(): Readonly<S> {
    return this.#run.fold.state
  }

  get position(): number {
    return this.#run.position
  }

  get error(): unknown {
    return this.#error
  }

  until(position: number, options: UntilOptions = {}): Promise<void> {
    if (!Number.isSafeInteger(position) || position < 0) {
      refuse(`position must be a whole number from 0 to 2^53-1, not ${shown(position)}`)
    }
    const { signal } = checkedOptions('until', options, ['signal'])
    const { name } = this
    const standing = () => ({ status: this.#status, error: this.#error, run: this.#run })
    return untilPosition({ name, source: this.#source, watch: this.#watch, standing }, position, signal)
  }

  rebuild(options: RebuildOptions = {}): Promise<void> {
    const { signal, onProgress } = checkedOptions('rebuild', options, ['signal', 'onProgress'])
    if (onProgress !== undefined && typeof onProgress !== 'function') {
      refuse(`onProgress must be a function, not ${shown(onProgress)}`)
    }
    if (this.#rebuilt !== undefined) refuse(`the projection ${this.name} is being rebuilt already`)
    if (this.#stopping !== undefined) return Promise.reject(stoppedError(this.name))
    const run = this.#runFrom()
    this.#rebuilt = run
    const rebuilding = this.#rebuild(run, signal, onProgress)
    this.#track(rebuilding.catch(noted))
    return rebuilding
  }

  async checkpoint(): Promise<void> {
    if (this.#stopping !== undefined) throw stoppedError(this.name)
    if (this.#status === 'failed') throw this.#error
    // Where nothing matched for long, a checkpoint far behind would say less than is known.
    await this.#run.lookAhead()
    await this.#schedule?.make()
  }

  stop(): Promise<void> {
    this.#stopping ??= Promise.resolve().then(() => this.#stop())
    return this.#stopping
  }

  // Its life.

  async #begin(fresh: ProjectionRun<S>): Promise<void> {
    const start = await this.#readCheckpoint(true)
    // It may have been stopped, or rebuilt, in the meantime.
    if (fresh !== this.#run || fresh.ended) return
    if (start !== undefined) this.#run = this.#runFrom(start)
    this.#schedule?.begin(this.position)
    this.#watch.reached(this.position)
    await this.#serve(this.#run, false)
  }

  /** Runs until the store is closed, or something fails. Never rejects. */
  async #serve(run: ProjectionRun<S>, caughtUp: boolean): Promise<void> {
    try {
      if (!caughtUp) {
        await run.catchUp((progress) => this.emit('progress', progress))
        if (run !== this.#run) return
        this.#becomeLive()
      }
      await run.follow()
      if (run === this.#run) void this.stop()
    } catch (error) {
      if (run !== this.#run) return
      if (isApplyFailure(error)) await this.#restore(error)
      else if (run.ended) return
      else if (systemCode(error) === 'SLUICE_CLOSED') void this.stop()
      else this.#fail(error)
    }
  }

  #becomeLive(): void {
    this.#status = 'live'
    this.emit('live', this.position)
    this.#watch.wakeAll()
    this.#schedule?.caughtUp()
  }

  /**
   * After a failed `apply`, which may have left the state half changed: makes the one before it again. If that fails, the
   * same is done for the event at which it did, which lies lower.
   */
  async #restore(failure: ApplyFailure): Promise<void> {
    this.#error = failure
    this.#status = 'catching-up'
    let before = this.#run
    for (;;) {
      const last = failure.position - 1
      const start = await this.#readCheckpoint(false)
      if (before !== this.#run) return // It was rebuilt.
      const run = this.#runFrom(start !== undefined && start.position <= last ? start : undefined)
      before = run
      this.#run = run
      this.#schedule?.begin(run.position)
      if (this.#stopping !== undefined) run.end(stoppedError(this.name))
      try {
        await run.readTo(last)
        break
      } catch (error) {
        if (run !== this.#run) return
        // Where events can't be read any more, the state is that of those that could.
        if (!isApplyFailure(error)) break
        failure = error
      }
    }
    if (before === this.#run) this.#fail(failure)
  }

  #fail(error: unknown): void {
    this.#error = error
    this.#status = 'failed'
    this.#run.end(error)
    this.emit('failed', error)
    this.#watch.wakeAll()
  }

  async #stop(): Promise<void> {
    const reason = stoppedError(this.name)
    this.#rebuilt?.end(reason)
    this.#run.end(reason)
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
    if (this.#status !== 'failed') {
      await this.#lastCheckpoint()
      this.#status = 'stopped'
    }
    this.#watch.wakeAll()
    this.#ended()
    this.emit('stopped')
  }

  async #lastCheckpoint(): Promise<void> {
    try {
      await this.#run.lookAhead()
    } catch (error) {
      if (systemCode(error) !== 'SLUICE_CLOSED') this.emit('checkpointFailed', error)
    }
    try {
      await this.#schedule?.make()
    } catch (error) {
      this.emit('checkpointFailed', error)
    }
  }

  #track(task: Promise<void>): void {
    const tracked = task.finally(() => this.#tasks.delete(tracked))
    this.#tasks.add(tracked)
  }

  #runFrom(start?: FoldedState<S>): ProjectionRun<S> {
    return new ProjectionRun(this.#source, this.#definition, (run) => this.#advanced(run), start)
  }

  #advanced(run: ProjectionRun<S>): void {
    if (run !== this.#run) return
    this.#watch.reached(run.position)
    this.#schedule?.advanced()
  }

  // Rebuilding.

  async #rebuild(
    run: ProjectionRun<S>,
    signal: AbortSignal | undefined,
    onProgress: ((progress: ProjectionProgress) => void) | undefined,
  ): Promise<void> {
    const aborted = (): void => run.end(signal?.reason)
    signal?.addEventListener('abort', aborted, { once: true })
    try {
      signal?.throwIfAborted()
      await run.catchUp((progress) => onProgress?.(progress))
      await this.#exchange(run)
    } catch (error) {
      run.end(error)
      throw error
    } finally {
      signal?.removeEventListener('abort', aborted)
      this.#rebuilt = undefined
    }
    await this.#schedule?.make()
  }

  /** Puts a run in the place of the one whose state is shown, which is held until the new one is as far. */
  async #exchange(run: ProjectionRun<S>): Promise<void> {
    const held = this.#run
    held.hold()
    try {
      while (run.position < this.#run.position) await run.readTo(this.#run.position)
      run.throwIfEnded()
    } catch (error) {
      held.release()
      throw error
    }
    this.#run.end(stoppedError(this.name))
    this.#run = run
    this.#error = undefined
    // What the checkpoint holds was made by the run that is given up.
    this.#schedule?.begin(undefined)
    if (this.#status === 'live') this.#watch.wakeAll()
    else this.#becomeLive()
    this.#track(this.#serve(run, true))
  }

  // Checkpoints.

  async #readCheckpoint(telling: boolean): Promise<FoldedState<S> | undefined> {
    const found = await this.#checkpoint?.read()
    if (found === undefined || !('reason' in found)) return found
    if (telling) this.emit('checkpointIgnored', found)
    return undefined
  }
}

type ApplyFailure = SluiceError & { readonly position: number }

function isApplyFailure(error: unknown): error is ApplyFailure {
  return error instanceof SluiceError && error.code === 'SLUICE_PROJECTION_FAILED' && error.position !== undefined
}

function checkedOptions<Options extends { readonly signal?: AbortSignal }>(
  method: string,
  options: Options,
  known: readonly string[],
): Options {
  if (!isPlain(options)) refuse(`the options of ${method} must be an object, not ${shown(options)}`)
  refuseUnknown(`the options of ${method}`, options, known)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
  }
  return options
}

function noted(): void {}
