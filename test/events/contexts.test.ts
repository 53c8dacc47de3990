import test from 'ava'
import { systemCode } from '../../src/errors.js'
import { openEventStore } from '../../src/events/open-event-store.js'
import type { DirectoryEventStore, EventContextOptions, EventStoreOptions } from '../../src/events/store-contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { EVENTS } from '../support/simulated-event-store.js'
import { throws } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** An option's value for the root, other than its default, which a context may give itself. */
interface Case {
  readonly root: EventStoreOptions
  readonly byDefault: EventContextOptions
}

const MIB = 1024 * 1024
const CASES: readonly Case[] = [
  { root: { batch: { maxRecords: 1 } }, byDefault: { batch: {} } },
  { root: { flush: 'immediate' }, byDefault: { flush: 'batch' } },
  { root: { directorySync: 'always' }, byDefault: { directorySync: 'changed' } },
  { root: { segmentBytes: 16 * 1024 }, byDefault: { segmentBytes: 64 * MIB } },
  { root: { preparedSegments: 1, segmentBytes: MIB }, byDefault: { preparedSegments: 0 } },
  { root: { maxRecordBytes: 5000 }, byDefault: { maxRecordBytes: 16 * MIB } },
  { root: { maxPendingBytes: 64 * 1024 }, byDefault: { maxPendingBytes: 64 * MIB } },
  { root: { onFull: 'reject', maxPendingBytes: 64 * 1024 }, byDefault: { onFull: 'wait' } },
  { root: { maxWaiting: 0, maxPendingBytes: 64 * 1024 }, byDefault: { maxWaiting: 10 } },
  { root: { rememberedIds: 0 }, byDefault: { rememberedIds: 10 } },
]

/** What shows by which options a context works. */
async function signsOf(context: DirectoryEventStore, folder: string, fileSystem: SimulatedFileSystem) {
  const began = fileSystem.calls.length
  const small = await Promise.all([1, 2, 3].map((data) => context.append({ type: 'Small', data, id: `${data}` })))
  const again = await context.append({ type: 'Small', id: '3' })
  await context.append({ type: 'Later' })
  const calls = fileSystem.calls.slice(began).filter(({ path }) => path?.startsWith(folder))
  const large: unknown[] = []
  const waiting: number[] = []
  for (let at = 0; at < 5; at++) {
    try {
      large.push(context.append({ type: 'Large', data: 'x'.repeat(9000) }).catch(systemCode))
    } catch (error) {
      large.push(systemCode(error))
    }
    waiting.push(context.stats().waiting)
  }
  return {
    small,
    again,
    syncs: calls.filter(({ call }) => call === 'datasyncSync').length,
    folderSyncs: calls.filter(({ call }) => call === 'syncDirectorySync').length,
    large: await Promise.all(large),
    waiting,
    prepares: fileSystem.calls.some(({ path }) => path?.startsWith(`${folder}/log/prepared-`)),
    segments: fileSystem.listSync(`${folder}/log`).filter((name) => name.endsWith('.seg')).length,
  }
}

for (const { root, byDefault } of CASES) {
  const [name = ''] = Object.keys(byDefault)
  test(`a context has the root’s ${name} where its own is undefined`, async (t) => {
    const fileSystem = new SimulatedFileSystem()
    // A program without the compiler's strictest settings may say so.
    const contexts = { left: {}, undefined: { [name]: undefined }, own: byDefault } as Record<string, object>
    const store = await openEventStore(EVENTS, { ...root, fileSystem, contexts })
    const [left, said, own] = await Promise.all(
      Object.keys(contexts).map((each) => signsOf(store.context(each), `${EVENTS}/contexts/${each}`, fileSystem)),
    )
    t.deepEqual(said, left)
    t.notDeepEqual(own, left, 'it shows which one is in force')
    await store.close()
  })
}

test('a context lies in the root’s file system, and has its thread, where its own is undefined', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const workerUrl = new URL('file:///nowhere/writer.js')
  const directory = temporaryDirectory(t)
  const opened = (root: EventStoreOptions, context: object) =>
    openEventStore(directory, { ...root, contexts: { context } })
  const impossible = { code: 'SLUICE_INVALID_OPTION', mentions: 'workerUrl is impossible beside fileSystem' } as const
  throws(t, () => opened({ workerUrl }, { workerUrl: undefined, fileSystem }), impossible)
  throws(t, () => opened({ fileSystem }, { fileSystem: undefined, workerUrl }), impossible)
  const store = await opened({ fileSystem }, { fileSystem: undefined })
  t.true(fileSystem.listSync(`${directory}/contexts/context/log`).length > 0)
  await store.close()
})

test('every option that a context can have is tried here', (t) => {
  const tried = CASES.flatMap(({ byDefault }) => Object.keys(byDefault)).concat('fileSystem', 'workerUrl')
  const all: Record<keyof EventContextOptions, true> = {
    ...{ batch: true, flush: true, directorySync: true, segmentBytes: true, maxRecordBytes: true, onFull: true },
    ...{
      maxPendingBytes: true,
      maxWaiting: true,
      workerUrl: true,
      fileSystem: true,
      rememberedIds: true,
      preparedSegments: true,
    },
  }
  t.deepEqual(tried.toSorted(), Object.keys(all).toSorted())
})
