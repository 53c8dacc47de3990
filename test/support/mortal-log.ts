import { once } from 'node:events'
import { BroadcastChannel } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import type { SluiceError } from '../../src/errors.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { within } from './fixture-process.js'
import { IDLE_CHANNEL, LOADED_CHANNEL, order } from './mortal-writer.js'
import { temporaryDirectory } from './temporary-directory.js'

const workerUrl = new URL('../fixtures/mortal-writer.js', import.meta.url)

/** A log whose writer thread dies on command. */
export interface MortalLog {
  readonly directory: string
  readonly log: Log
  /** Waits for the error of the `failed` event. */
  readonly failed: () => Promise<SluiceError>
}

/** Opens one. Each append is a batch of its own, so that one is in flight and others are queued behind it. */
export async function openMortal(t: ExecutionContext, options: LogOptions = {}): Promise<MortalLog> {
  const directory = temporaryDirectory(t)
  const single: LogOptions = options.flush === 'immediate' ? {} : { batch: { maxRecords: 1 } }
  const log = await openLog(directory, { workerUrl, ...single, ...options })
  t.teardown(() => log.close().catch(() => {}))
  const failed = new Promise<SluiceError>((resolve) => {
    log.on('failed', resolve)
  })
  // Not before a test asks for it: waiting for what never comes would keep the process alive long after its last test.
  return { directory, log, failed: () => within('failed event', () => `the log is ${log.status}`, failed) }
}

/** A call that must come to an end. */
export function settled<Value>(log: Log, call: Promise<Value>): Promise<Value> {
  return within('outcome of a call', () => `the log is ${log.status}`, call)
}

/** Appends what makes the idle thread exit, and waits until Piscina has replaced it. */
export async function replacedInSilence(t: ExecutionContext, options?: LogOptions): Promise<MortalLog> {
  const channel = new BroadcastChannel(LOADED_CHANNEL)
  const idle = new BroadcastChannel(IDLE_CHANNEL)
  idle.onmessage = () => idle.postMessage('go')
  try {
    const [mortal] = await Promise.all([openMortal(t, options), once(channel, 'message')])
    const replaced = once(channel, 'message')
    await mortal.log.append(order('idle', 'exit'))
    await within('other thread', () => mortal.log.status, replaced)
    return mortal
  } finally {
    channel.close()
    idle.close()
  }
}
