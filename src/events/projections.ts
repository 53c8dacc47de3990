import { shown } from '../errors.js'
import type { EventShape, Query } from './contract.js'
import { createProjection, type TypedSource } from './projection.js'
import type { CheckpointFolder } from './projection-checkpoint.js'
import type { Projection, ProjectionDefinition } from './projection-contract.js'
import { refuse } from './query.js'

/** What all projections have, whatever their states. */
type AnyProjection = Pick<Projection<unknown>, 'stop'>

/** The live projections of a store, by their names. */
export class Projections<E extends EventShape = EventShape> {
  readonly #source: TypedSource<E>
  readonly #folder: CheckpointFolder | undefined
  readonly #live = new Map<string, AnyProjection>()

  constructor(source: TypedSource<E>, folder: CheckpointFolder | undefined) {
    this.#source = source
    this.#folder = folder
  }

  /** Starts a projection. Throws `SLUICE_INVALID_ARGUMENT`, also where one of this name has not ended yet. */
  create<const Q extends Query<E['type']>, S>(definition: ProjectionDefinition<E, Q, S>): Projection<S> {
    // Some file systems don't tell apart what differs only in upper and lower case.
    const key = String(definition?.name).toLowerCase()
    if (this.#live.has(key)) refuse(`there is a projection of the name ${shown(definition.name)} already`)
    const projection = createProjection(this.#source, this.#folder, definition, () => this.#live.delete(key))
    this.#live.set(key, projection)
    return projection
  }

  /**
   * Stops all of them: before the store gives its directory back, since each makes a checkpoint. Resolves once nothing is
   * done for them any more.
   */
  async stop(): Promise<void> {
    await Promise.all([...this.#live.values()].map((projection) => projection.stop()))
  }
}
