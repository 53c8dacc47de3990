import type { StateOptions, StateStore } from '../../src/state/contract.js'
import { openStateStore } from '../../src/state/open-state-store.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { bytesOf } from './simulated-files.js'
import { FRUGAL, quiet } from './simulated-log.js'

/** Where simulated state stores lie. */
export const STATE = '/data/state'
export const SNAPSHOTS = `${STATE}/snapshots`

export interface SimulatedState<V> {
  readonly store: StateStore<V>
  readonly fileSystem: SimulatedFileSystem
}

/** Opens a state store over a simulated file system: its writer runs in this thread. */
export async function openSimulatedState<V = number>(
  options: StateOptions = {},
  fileSystem = new SimulatedFileSystem(),
): Promise<SimulatedState<V>> {
  const log = { ...FRUGAL, ...options.log }
  return { store: await openStateStore<V>(STATE, { ...options, log, fileSystem }), fileSystem }
}

/** As {@link openSimulatedState}, with one key in it, and all done that the writer does behind it. */
export async function openBegunState<V = number>(
  begun: V,
  options: StateOptions = {},
  fileSystem?: SimulatedFileSystem,
): Promise<SimulatedState<V>> {
  const opened = await openSimulatedState<V>(options, fileSystem)
  await opened.store.set('begun', begun)
  await quiet()
  return opened
}

/** The keys and values of a state, sorted: what two states are compared by. */
export function contentOf<V>(state: { entries(): Iterable<[string, V]> }): [key: string, value: V][] {
  return [...state.entries()].sort(([one], [other]) => (one < other ? -1 : 1))
}

/** The text of a file of a simulated file system. */
export function textOf(fileSystem: SimulatedFileSystem, path: string): string {
  return bytesOf(fileSystem, path).toString()
}

/** The snapshots that are there, oldest first. */
export function snapshotsOf(fileSystem: SimulatedFileSystem): string[] {
  return fileSystem.listSync(SNAPSHOTS).sort()
}
