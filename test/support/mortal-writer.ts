import { join } from 'node:path'

/** Where test/fixtures/mortal-writer.ts says that a thread has loaded it. */
export const LOADED_CHANNEL = 'sluice test: mortal writer'

/**
 * Where it says that it is idle and about to exit, and is told to: whoever answers has been handed the result of the task
 * before it, which else could come after the thread's end.
 */
export const IDLE_CHANNEL = 'sluice test: idle mortal writer'

/** When the writer thread does what it is ordered to. `synced` is before it reports that. */
export type Moment = 'write' | 'half-written' | 'sync' | 'synced' | 'lingering' | 'idle'
/** How it dies, or the error that its disk has. Thrown in the middle of a task, an error is the task's, not the thread's. */
export type Way = 'exit' | 'throw' | 'throw slowly' | 'EIO' | 'ENOSPC'

/** The pipe in a log's folder that `throw slowly` waits for. */
export function fifoIn(directory: string): string {
  return join(directory, 'fifo')
}

/** The record that orders it. It fills most of a page, of which half is written where that is ordered. */
export function order(moment: Moment, way: Way): string {
  return `ORDER ${moment} ${way} RORDER`.padEnd(3500, '.')
}

/** The order in what is about to be written. */
export function orderIn(bytes: Uint8Array): { readonly moment: Moment; readonly way: Way } | undefined {
  const [, moment, way] = /ORDER (\S+) (.+) RORDER/.exec(Buffer.from(bytes).toString('latin1')) ?? []
  if (moment === undefined || way === undefined) return undefined
  return { moment: moment as Moment, way: way as Way } // Written by order() alone.
}
