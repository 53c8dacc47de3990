import { shown } from '../errors.js'
import type { EventShape, Query } from './contract.js'
import { encodeJsonState } from './json-state.js'
import type { ProjectionDefinition } from './projection-contract.js'
import type { RunRules } from './projection-run.js'
import { checkQuery, isPlain, refuse, refuseUnknown } from './query.js'
import { plainQuery, queryText } from './query-match.js'

const CHECKPOINT_EVENTS = 1000
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/
const PROPERTIES = ['name', 'version', 'query', 'init', 'apply', 'checkpointEvery', 'serialize', 'deserialize']

/** A definition, checked, with nothing left to guess. */
export interface CheckedDefinition<S> extends RunRules<S> {
  readonly version: number
  /** Tells queries apart. */
  readonly queryText: string
  readonly checkpointEvery: number
  readonly serialize: (state: S) => Uint8Array
  readonly deserialize: (bytes: Buffer) => S
}

/** Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses. */
export function checkDefinition<E extends EventShape, Q extends Query<E['type']>, S>(
  definition: ProjectionDefinition<E, Q, S>,
): CheckedDefinition<S> {
  if (!isPlain(definition)) refuse(`a projection must be an object, not ${shown(definition)}`)
  refuseUnknown('a projection', definition, PROPERTIES)
  const { name, version = 1, checkpointEvery = CHECKPOINT_EVENTS, init, apply } = definition
  if (typeof name !== 'string' || !NAME.test(name)) {
    refuse(`a projection's name has 1 to 100 of A-Z, a-z, 0-9, _, - and ., with no dot in front: not ${shown(name)}`)
  }
  checkCount('version', version)
  checkCount('checkpointEvery', checkpointEvery)
  checkFunction('init', init)
  checkFunction('apply', apply)
  const query = checkQuery('query', definition.query)
  return {
    name,
    version,
    checkpointEvery,
    query: plainQuery(query),
    queryText: queryText(query),
    init: () => definition.init(),
    // It is given only what its own query matches: the events it was typed for.
    apply: (state, event) => definition.apply(state, event as Parameters<typeof apply>[1]),
    ...codecOf(definition),
  }
}

function codecOf<E extends EventShape, Q extends Query<E['type']>, S>(
  definition: ProjectionDefinition<E, Q, S>,
): Pick<CheckedDefinition<S>, 'serialize' | 'deserialize'> {
  if (definition.serialize === undefined && definition.deserialize === undefined) return jsonCodec()
  checkFunction('serialize', definition.serialize)
  checkFunction('deserialize', definition.deserialize)
  return {
    serialize: (state) => bytesOf(definition.serialize?.(state)),
    // It was just found to be there; what it returns is a state.
    deserialize: (bytes) => definition.deserialize?.(bytes) as S,
  }
}

function jsonCodec<S>(): Pick<CheckedDefinition<S>, 'serialize' | 'deserialize'> {
  return {
    serialize: (state) => Buffer.from(encodeJsonState(state)),
    // What a checkpoint of this projection holds was a state of it.
    deserialize: (bytes) => JSON.parse(bytes.toString()) as S,
  }
}

function bytesOf(serialized: unknown): Uint8Array {
  if (typeof serialized === 'string') return Buffer.from(serialized)
  // A copy: what is written in the background must not change any more.
  if (serialized instanceof Uint8Array) return Uint8Array.from(serialized)
  refuse(`serialize must return a string or a Uint8Array, not ${shown(serialized)}`)
}

function checkCount(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1) return
  refuse(`a projection's ${name} must be a whole number from 1 to 2^53-1, not ${shown(value)}`)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') refuse(`a projection's ${name} must be a function, not ${shown(value)}`)
}
