import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { replacedInSilence } from '../support/mortal-log.js'
import { order } from '../support/mortal-writer.js'
import { rejects } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MIB = 1024 * 1024
const OPTIONS = { preparedSegments: 2, segmentBytes: 4 * MIB } satisfies LogOptions
const ALL_BYTES = OPTIONS.preparedSegments * OPTIONS.segmentBytes

function preparedFiles(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => name.startsWith('prepared-'))
}

async function openPrepared(t: ExecutionContext, options: LogOptions = {}) {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory, { ...OPTIONS, ...options })
  t.teardown(() => log.close())
  t.is(await log.prepared(), ALL_BYTES)
  return { directory, log }
}

test.serial('a thread makes good for what was used once it has nothing else to do', async (t) => {
  const { directory, log } = await openPrepared(t)
  for (let rotation = 0; rotation < 2; rotation++) {
    await log.append(Buffer.alloc(4 * MIB - 8192))
    t.is(await log.prepared(), ALL_BYTES)
  }
  t.is(log.stats().rotations, 1)
  t.is(log.stats().preparedBytes, ALL_BYTES)
  t.is(preparedFiles(directory).length, OPTIONS.preparedSegments)
  await log.close()
  t.deepEqual(preparedFiles(directory), [])
})

test.serial('it does so while something that was written waits for its sync', async (t) => {
  const { log } = await openPrepared(t, { flush: { everyMs: 3_600_000 }, ack: 'written' })
  t.is(await log.append('begins the segment, and is durable'), 1)
  t.is(await log.append('waits'), 2)
  t.is(await log.prepared(), ALL_BYTES)
  t.is(log.durableLsn, 1)
  await log.close()
})

test.serial(
  'of a log that is opened again the active segment is filled with zeros, before anything is appended',
  async (t) => {
    const { directory, log: before } = await openPrepared(t)
    await before.append('x')
    await before.close()
    const segment = join(directory, '0000000000000001.seg')
    t.true(statSync(segment).size < OPTIONS.segmentBytes)
    const log = await openLog(directory, OPTIONS)
    t.teardown(() => log.close())
    t.is(await log.prepared(), ALL_BYTES)
    t.is(statSync(segment).size, OPTIONS.segmentBytes)
    await log.close()
    t.true(statSync(segment).size < OPTIONS.segmentBytes)
  },
)

test.serial('who waits for a thread that is gone without a word is told', async (t) => {
  // So many that they are never all prepared.
  const { log } = await replacedInSilence(t, { preparedSegments: 128, segmentBytes: 64 * MIB })
  await rejects(t, log.prepared(), { code: 'SLUICE_FAILED' })
  t.is(log.status, 'failed')
})

test.serial('a log that failed gives up what is prepared', async (t) => {
  const workerUrl = new URL('../fixtures/mortal-writer.js', import.meta.url)
  const { directory, log } = await openPrepared(t, { workerUrl })
  await log.append('first')
  t.is(await log.prepared(), ALL_BYTES)
  await rejects(t, log.append(order('sync', 'EIO')), { code: 'SLUICE_COMMIT_FAILED' })
  await rejects(t, log.prepared(), { code: 'SLUICE_FAILED' })
  // It has told of the failure first. Closing ends its thread, whatever that is doing.
  while (preparedFiles(directory).length > 0) await new Promise(setImmediate)
  await log.close()
  t.deepEqual(preparedFiles(directory), [])
})
