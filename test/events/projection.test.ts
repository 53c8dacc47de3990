import { randomInt } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../src/errors.js'
import { createProjection } from '../../src/events/projection.js'
import { CheckpointFolder } from '../../src/events/projection-checkpoint.js'
import type {
  IgnoredCheckpoint,
  Projection,
  ProjectionDefinition,
  ProjectionProgress,
} from '../../src/events/projection-contract.js'
import { Projections } from '../../src/events/projections.js'
import { type FileSystemCall, SimulatedFileSystem } from '../../src/testing/index.js'
import { ScriptedEvents, type StockEvent, type StoredStockEvent } from '../support/scripted-events.js'
import { bytesOf } from '../support/simulated-files.js'
import { quiet, rejection, rejects, throws, turn, watch } from '../support/simulated-log.js'

const DIRECTORY = '/store/projections'
const FILE = `${DIRECTORY}/stock.checkpoint`
const QUERY = { types: ['Arrived', 'Left'] } as const
type Stock = Readonly<Record<string, number>>
type StockDefinition = ProjectionDefinition<StockEvent, typeof QUERY, Stock>

const seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))
const BOUNDS = { seed, numRuns: 150, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false }

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

function arrived(item: string, count = 1): StockEvent {
  return { type: 'Arrived', data: { item, count } }
}

function left(item: string, count = 1): StockEvent {
  return { type: 'Left', data: { item, count } }
}

const audited: StockEvent = { type: 'Audited', data: { by: 'somebody' } }

function applied(state: Stock, { type, data }: StoredStockEvent & { readonly type: 'Arrived' | 'Left' }): Stock {
  return { ...state, [data.item]: (state[data.item] ?? 0) + (type === 'Arrived' ? data.count : -data.count) }
}

const STOCK: StockDefinition = { name: 'stock', query: QUERY, init: () => ({}), apply: applied }

/** What the state must be: the events up to a position, folded here. */
function stockAt(source: ScriptedEvents, position: number): Stock {
  let state: Stock = {}
  for (const event of source.events.slice(0, position)) if (event.type !== 'Audited') state = applied(state, event)
  return state
}

function folderOf(fileSystem: SimulatedFileSystem): CheckpointFolder {
  return new CheckpointFolder(fileSystem, DIRECTORY)
}

function madeFileSystem(): SimulatedFileSystem {
  const fileSystem = new SimulatedFileSystem({ seed })
  fileSystem.makeDirectorySync('/store')
  fileSystem.syncDirectorySync('/')
  return fileSystem
}

/** {@link createProjection} over stock events: TypeScript can't find them out from a source. */
function startProjection<S>(
  source: ScriptedEvents,
  folder: CheckpointFolder | undefined,
  definition: ProjectionDefinition<StockEvent, typeof QUERY, S>,
): Projection<S> {
  return createProjection<StockEvent, typeof QUERY, S>(source, folder, definition)
}

interface Trial {
  readonly source: ScriptedEvents
  readonly fileSystem: SimulatedFileSystem
  start(definition?: Partial<StockDefinition>): Projection<Stock>
}

function trial(source = new ScriptedEvents(), fileSystem = madeFileSystem()): Trial {
  const start = (definition: Partial<StockDefinition> = {}) =>
    startProjection(source, folderOf(fileSystem), { ...STOCK, ...definition })
  return { source, fileSystem, start }
}

/** The state is that of the events up to the position, and nothing else. */
function isExact(t: ExecutionContext, projection: Projection<Stock>, source: ScriptedEvents): void {
  t.deepEqual(projection.state, stockAt(source, projection.position), `at position ${projection.position}`)
}

/** Resolves with what is emitted next. */
async function next(projection: object, event: string): Promise<unknown> {
  // Node takes any emitter that has `once` and `off`-like methods of its own; eventemitter3 lacks one it asks for.
  return new Promise((resolve) => {
    const emitter = projection as { once(event: string, listener: (value: unknown) => void): void }
    emitter.once(event, resolve)
  })
}

function ignoredBy(projection: Projection<Stock>): IgnoredCheckpoint[] {
  const ignored: IgnoredCheckpoint[] = []
  projection.on('checkpointIgnored', (each) => ignored.push(each))
  return ignored
}

test('history, then what comes, each event that matches once and in order', async (t) => {
  const { source, start } = trial()
  source.append(arrived('nail', 5), audited, left('nail', 2))
  const seen: number[] = []
  const projection = start({
    apply: (state, event) => {
      seen.push(event.position)
      return applied(state, event)
    },
  })
  t.is(projection.status, 'catching-up')
  t.is(projection.name, 'stock')
  t.deepEqual([projection.state, projection.position], [{}, 0], 'before anything is read')
  t.is(await next(projection, 'live'), 3)
  t.is(projection.status, 'live')
  t.deepEqual(projection.state, { nail: 3 })
  const position = source.append(arrived('screw'), arrived('nail'))
  await projection.until(position)
  t.deepEqual(projection.state, { nail: 4, screw: 1 })
  t.deepEqual(seen, [1, 3, 4, 5])
  await projection.stop()
  t.is(projection.status, 'stopped')
  source.append(arrived('bolt'))
  await quiet()
  t.deepEqual(projection.state, { nail: 4, screw: 1 })
})

test('a restart goes on from the checkpoint, and reads nothing again', async (t) => {
  const { source, start } = trial()
  source.append(arrived('nail', 5), left('nail'), arrived('screw'))
  const first = start()
  await first.until(3)
  await first.stop()
  source.append(left('nail'))
  source.given = 0
  const second = start({ apply: (state, event) => (event.position === 4 ? applied(state, event) : t.fail() && state) })
  await second.until(4)
  t.deepEqual(second.state, { nail: 3, screw: 1 })
  t.is(source.given, 2, 'the event at the checkpoint, to know it again, and the new one')
  await second.stop()
})

test('where little matches, what matched nothing is not looked at again', async (t) => {
  const { source, start } = trial()
  source.append(arrived('nail'), ...Array.from({ length: 50 }, () => audited))
  const first = start()
  await first.until(51)
  t.is(first.position, 51, 'nothing else matches up to there')
  source.append(audited, audited)
  t.is(first.position, 51)
  await first.stop()
  t.is(first.position, 53, 'stopping looks once more')
  const second = start()
  t.is(await next(second, 'live'), 53)
  t.deepEqual(second.state, { nail: 1 })
  await second.stop()
})

test('a start without a clean end before it is noted, however little matched', async (t) => {
  const { source, fileSystem, start } = trial()
  source.append(arrived('nail'), ...Array.from({ length: 50 }, () => audited))
  const first = start({ checkpointEvery: 20 })
  t.like(await next(first, 'checkpoint'), { position: 51 })
  const after = trial(source, fileSystem.killProcess())
  const second = after.start({ checkpointEvery: 20 })
  await second.until(51)
  t.deepEqual(second.state, { nail: 1 })
  t.deepEqual(
    source.reads,
    // Of the first: the history, and the event to be noted. Of the second: that event.
    3,
  )
  await second.stop()
})

test('until: what is there, what comes, what does not match, in any order', async (t) => {
  const { source, start } = trial()
  const projection = start()
  await projection.until(0)
  const order: number[] = []
  const waits = [4, 2, 3, 1].map((position) => projection.until(position).then(() => order.push(position)))
  for (const event of [arrived('nail'), audited, audited, arrived('nail')]) {
    source.append(event)
    await quiet()
    t.is(order.length, source.head())
  }
  await Promise.all(waits)
  t.deepEqual(order, [1, 2, 3, 4])
  const many = Array.from({ length: 300 }, () => source.append(audited, arrived('nail')))
  await Promise.all(many.map((position) => projection.until(position)))
  isExact(t, projection, source)
  source.append(audited)
  await Promise.all(Array.from({ length: 100 }, () => projection.until(source.head())))
  t.is(projection.position, source.head())
  await projection.stop()
  await projection.until(source.head())
  await rejects(t, projection.until(source.head() + 1), { code: 'SLUICE_CLOSED' })
})

test('until: an event that is applied while it is looked for, or at which the projection ends meanwhile', async (t) => {
  for (const outcome of ['applied', 'failed', 'stopped', 'rebuilt'] as const) {
    const { source, start } = trial()
    let failing = false
    const projection = start({
      apply: (state, event) => {
        if (failing) throw new Error('now')
        return applied(state, event)
      },
    })
    await next(projection, 'live')
    let open = (): void => {}
    source.gate = new Promise((resolve) => {
      open = resolve
    })
    const others: Promise<void>[] = []
    let lookedFor = false
    source.afterRead = async () => {
      source.afterRead = undefined
      lookedFor = true
      failing = outcome === 'failed'
      if (outcome === 'stopped') others.push(projection.stop())
      if (outcome === 'rebuilt') others.push(projection.rebuild())
      open()
      await quiet()
    }
    const waiting = projection.until(source.append(arrived('nail')))
    await quiet()
    if (outcome === 'failed') await rejects(t, waiting, { code: 'SLUICE_PROJECTION_FAILED' })
    else if (outcome === 'stopped') await rejects(t, waiting, { code: 'SLUICE_CLOSED' })
    else await waiting
    t.true(lookedFor)
    if (outcome !== 'failed') isExact(t, projection, source)
    await Promise.all(others)
    await projection.stop()
  }
})

test('until ends by its signal, and by the end of the projection', async (t) => {
  const { source, start } = trial()
  const projection = start()
  const reason = new Error('enough')
  t.is(await rejection(projection.until(1, { signal: AbortSignal.abort(reason) })), reason)
  for (const live of [false, true]) {
    const controller = new AbortController()
    const waiting = projection.until(5, { signal: controller.signal })
    if (live) await quiet()
    controller.abort(reason)
    t.is(await rejection(waiting), reason)
  }
  const waiting = [projection.until(1), projection.until(7)]
  await quiet()
  await projection.stop()
  for (const each of waiting) await rejects(t, each, { code: 'SLUICE_CLOSED' })
  for (const position of [-1, 1.5, Number.NaN, '1']) {
    throws(t, () => projection.until(position as number), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'position' })
  }
  throws(t, () => projection.until(1, { sginal: 1 } as object), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'sginal' })
  t.is(source.head(), 0)
})

test("the store's close ends it, with a checkpoint", async (t) => {
  const { source, fileSystem, start } = trial()
  const projection = start()
  source.append(arrived('nail', 2), audited)
  await projection.until(1)
  const stopped = next(projection, 'stopped')
  source.close()
  await stopped
  t.is(projection.status, 'stopped')
  await projection.stop()
  const reopened = new ScriptedEvents()
  reopened.events = source.events
  const again = trial(reopened, fileSystem).start({ apply: (state) => t.fail() && state })
  t.is(await next(again, 'live'), 2)
  t.deepEqual(again.state, { nail: 2 })
  await again.stop()
})

test('closed before it has caught up, it keeps the checkpoint that is there', async (t) => {
  const { source, fileSystem, start } = trial()
  source.append(arrived('nail'))
  const first = start()
  await first.until(1)
  await first.stop()
  source.close()
  const second = start()
  const ignored = ignoredBy(second)
  await next(second, 'stopped')
  t.deepEqual(ignored, [])
  const reopened = new ScriptedEvents()
  reopened.events = source.events
  const third = trial(reopened, fileSystem).start({ apply: (state) => t.fail() && state })
  await third.until(1)
  t.deepEqual(third.state, { nail: 1 })
  await third.stop()
})

test("a failed store's error ends it, after the last durable event", async (t) => {
  const { source, start } = trial()
  const projection = start()
  await next(projection, 'live')
  source.append(arrived('nail'))
  const failed = next(projection, 'failed')
  const error = source.fail()
  t.is(await failed, error)
  t.is(projection.status, 'failed')
  t.is(projection.error, error)
  t.deepEqual([projection.state, projection.position], [{ nail: 1 }, 1])
  t.is(await rejection(projection.until(2)), error)
  t.is(await rejection(projection.checkpoint()), error)
  await projection.stop()
  t.is(projection.status, 'failed')
})

// A failing apply.

class Counts extends Map<string, number> {}
type Failing = ProjectionDefinition<StockEvent, typeof QUERY, Counts>

const codec = {
  serialize: (state: Counts) => JSON.stringify([...state]),
  deserialize: (bytes: Buffer) => new Counts(JSON.parse(bytes.toString())),
}

/** How an `apply` can fail at an event: each returns the state after it, or fails half-way. */
const FAILURES: Readonly<Record<string, Failing['apply']>> = {
  'throws at once': (state, { data, position }) => {
    if (position === 7) throw new RangeError('seven')
    return new Counts([...state, [data.item, (state.get(data.item) ?? 0) + data.count]])
  },
  rejects: async (state, { data, position }) => {
    await turn()
    if (position === 7) throw new RangeError('seven')
    return new Counts([...state, [data.item, (state.get(data.item) ?? 0) + data.count]])
  },
  'changes the state, then throws': (state, { data, position }) => {
    state.set(data.item, (state.get(data.item) ?? 0) + data.count)
    if (position === 7) throw new RangeError('seven')
    return state
  },
  'changes the state, then rejects': async (state, { data, position }) => {
    state.set(data.item, (state.get(data.item) ?? 0) + data.count)
    await turn()
    if (position === 7) throw new RangeError('seven')
    return state
  },
  'forgets to return it': (state, { data, position }) => {
    state.set(data.item, (state.get(data.item) ?? 0) + data.count)
    return position === 7 ? (undefined as unknown as Counts) : state
  },
}

for (const [how, apply] of Object.entries(FAILURES)) {
  for (const checkpointEvery of [2, 1000]) {
    test(`apply ${how}: it stops before that event, and says so (checkpoint every ${checkpointEvery})`, async (t) => {
      const { source, fileSystem } = trial()
      const items = ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b']
      const definition: Failing = {
        ...{ name: 'stock', query: QUERY, init: () => new Counts(), apply, checkpointEvery },
        ...codec,
      }
      source.append(...items.slice(0, 3).map((item) => arrived(item)))
      const projection = startProjection(source, folderOf(fileSystem), definition)
      await projection.until(3)
      const waiting = projection.until(8)
      const failed = next(projection, 'failed')
      for (const item of items.slice(3)) {
        source.append(arrived(item))
        await quiet()
        const counted = [...projection.state.values()].reduce((sum, count) => sum + count, 0)
        if (how.includes('throws') || how.includes('forgets')) t.is(counted, projection.position, 'at any time')
      }
      const error = await rejects(t, waiting, { code: 'SLUICE_PROJECTION_FAILED', position: 7 })
      t.is(await failed, error)
      t.is(projection.error, error)
      t.true(error.cause instanceof (how.includes('forgets') ? TypeError : RangeError))
      t.regex(error.message, /stock failed at the Arrived at position 7/)
      t.is(projection.status, 'failed')
      t.is(projection.position, 6)
      t.deepEqual([...projection.state], Object.entries({ a: 2, b: 2, c: 2 }))
      await projection.until(6)
      t.is(await rejection(projection.checkpoint()), error)
      await projection.stop()
      // It fails there again, unless it has learnt.
      const again = startProjection(source, folderOf(fileSystem), definition)
      t.like(await next(again, 'failed'), { code: 'SLUICE_PROJECTION_FAILED', position: 7 })
      t.deepEqual([again.position, [...again.state]], [6, Object.entries({ a: 2, b: 2, c: 2 })])
      await again.stop()
      const learnt = startProjection(source, folderOf(fileSystem), {
        ...definition,
        apply: (state, { data }) => state.set(data.item, (state.get(data.item) ?? 0) + 1) as Counts,
      })
      await learnt.until(8)
      t.deepEqual([...learnt.state], Object.entries({ a: 3, b: 3, c: 2 }))
      await learnt.stop()
    })
  }
}

test('an apply that fails while it is stopped still says so', async (t) => {
  const { source, start } = trial()
  let reject = (_reason: unknown): void => {}
  const applying = new Promise<Stock>((_resolve, rejecting) => {
    reject = rejecting
  })
  const projection = start({ apply: (state, event) => (event.position === 3 ? applying : applied(state, event)) })
  source.append(arrived('nail'), arrived('nail'))
  await projection.until(2)
  await projection.checkpoint()
  source.append(arrived('nail'))
  await quiet()
  const stopping = projection.stop()
  const stopped = watch(stopping)
  await quiet()
  t.is(stopped.settled, undefined, 'an apply under way is waited for')
  reject(new Error('late'))
  await stopping
  t.is(projection.status, 'failed')
  t.like(projection.error, { code: 'SLUICE_PROJECTION_FAILED', position: 3 })
  isExact(t, projection, source)
})

test('an apply that fails elsewhere the second time stops it at the lowest of both', async (t) => {
  const { source, start } = trial()
  source.append(...Array.from({ length: 10 }, () => arrived('nail')))
  let failAt = 8
  const projection = start({
    apply: (state, event) => {
      if (event.position !== failAt) return applied(state, event)
      failAt = Math.max(3, failAt - 2)
      throw new Error('moody')
    },
  })
  t.like(await next(projection, 'failed'), { code: 'SLUICE_PROJECTION_FAILED', position: 3 })
  t.is(projection.position, 2)
  isExact(t, projection, source)
  await projection.stop()
})

test('where events can not be read again after a failure, the state is that of those that could', async (t) => {
  const { source, start } = trial()
  source.append(...Array.from({ length: 5 }, () => arrived('nail')))
  const projection = start({
    apply: (state, event) => {
      if (event.position === 6) {
        source.readError = new SluiceError('SLUICE_IO', 'the disk is gone')
        throw new Error('at six')
      }
      return applied(state, event)
    },
  })
  await projection.until(5)
  source.append(arrived('nail'))
  t.like(await next(projection, 'failed'), { code: 'SLUICE_PROJECTION_FAILED', position: 6 })
  isExact(t, projection, source)
  await projection.stop()
})

// Rebuilding.

test('rebuilt with progress while events keep coming: the old state is served, then both are exchanged', async (t) => {
  const { source, start } = trial()
  const total = 2500
  source.append(...Array.from({ length: total }, (_, i) => (i % 2 === 0 ? arrived('nail') : left('screw'))))
  let factor = 1
  const projection = start({
    apply: (state, { data: { item } }) => ({ ...state, [item]: (state[item] ?? 0) + factor }),
  })
  await projection.until(total)
  t.deepEqual(projection.state, { nail: 1250, screw: 1250 })
  factor = 10
  const progress: ProjectionProgress[] = []
  const rebuilding = projection.rebuild({
    onProgress: (each) => {
      progress.push(each)
      const { position, state } = projection
      t.is(state['nail'], 1250 + 10 * (position - total), 'the old state, which goes on')
      t.is(projection.status, 'live')
      if (progress.length <= 3) source.append(...Array.from({ length: 400 }, () => arrived('nail')))
    },
  })
  throws(t, () => projection.rebuild(), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'already' })
  await rebuilding
  t.is(projection.status, 'live')
  t.deepEqual(
    progress.slice(0, 3).map(({ position, head, applied: count }) => [position, head, count]),
    [
      [1000, total, 1000],
      [2000, total, 2000],
      [total, total, total],
    ],
  )
  t.true(progress.length >= 4, 'passes follow until the rest is small')
  await projection.until(source.head())
  t.deepEqual(projection.state, { nail: 10 * (1250 + 1200), screw: 10 * 1250 })
  source.append(arrived('nail'))
  await projection.until(source.head())
  t.is(projection.state['nail'], 24_510)
  await projection.stop()
})

test('positions never go back when it is rebuilt, and what was waited for stays there', async (t) => {
  const { source, start } = trial()
  source.append(...Array.from({ length: 400 }, () => arrived('nail')))
  const projection = start()
  await projection.until(400)
  const seen: number[] = []
  let going = true
  const appending = (async () => {
    while (going) {
      const position = source.append(arrived('nail'), audited)
      await projection.until(position)
      seen.push(projection.position)
      isExact(t, projection, source)
    }
  })()
  for (let round = 0; round < 5; round++) {
    await projection.rebuild()
    await quiet()
  }
  going = false
  await appending
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  t.true(seen.length > 20)
  await projection.stop()
})

test('a rebuilding ends, however fast events come', async (t) => {
  const { source, start } = trial()
  source.append(arrived('nail'))
  const projection = start()
  await projection.until(1)
  let reads = 0
  source.afterRead = async () => {
    reads++
    if (reads > 20) return
    source.append(arrived('nail'))
    // Whoever follows has applied it before the reader goes on.
    await quiet()
  }
  await projection.rebuild()
  t.true(reads < 10, `${reads} reads`)
  await projection.until(source.head())
  isExact(t, projection, source)
  source.afterRead = undefined
  await projection.stop()
})

test('a state that a failed apply has half changed is not seen at any moment', async (t) => {
  const { source, fileSystem } = trial()
  let moments = 0
  const counted = (): number => [...projection.state.values()].reduce((sum, count) => sum + count, 0)
  const look = async (): Promise<void> => {
    for (; moments < 500; moments++) {
      await (moments % 50 === 49 ? turn() : null)
      t.is(counted(), projection.position)
    }
  }
  let looking: Promise<void> | undefined
  const projection = startProjection<Counts>(source, folderOf(fileSystem), {
    ...{ name: 'stock', query: QUERY, init: () => new Counts(), checkpointEvery: 2, ...codec },
    apply: (state, { data, position }) => {
      state.set(data.item, (state.get(data.item) ?? 0) + data.count)
      if (position < 6) return state
      looking ??= look()
      throw new Error('half-way')
    },
  })
  await projection.until(source.append(arrived('nail'), arrived('nail'), arrived('nail')))
  source.append(arrived('nail'), arrived('nail'), arrived('nail'))
  await rejects(t, projection.until(6), { code: 'SLUICE_PROJECTION_FAILED', position: 6 })
  await looking
  t.deepEqual([moments, counted(), projection.position], [500, 5, 5])
  await projection.stop()
})

test('a rebuilding that is aborted, fails or is stopped leaves what was there', async (t) => {
  const { source, start } = trial()
  source.append(...Array.from({ length: 2500 }, () => arrived('nail')))
  let failing = false
  const projection = start({
    apply: (state, event) => {
      if (failing && event.position === 1700) throw new Error('not twice')
      return applied(state, event)
    },
  })
  await projection.until(2500)
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = projection.rebuild({ signal: controller.signal, onProgress: () => controller.abort(reason) })
  t.is(await rejection(aborted), reason)
  t.is(await rejection(projection.rebuild({ signal: controller.signal })), reason)
  const thrown = new Error('listener')
  t.is(
    await rejection(
      projection.rebuild({
        onProgress: () => {
          throw thrown
        },
      }),
    ),
    thrown,
  )
  failing = true
  await rejects(t, projection.rebuild(), { code: 'SLUICE_PROJECTION_FAILED', position: 1700 })
  failing = false
  t.is(projection.status, 'live')
  source.append(arrived('nail'))
  await projection.until(2501)
  t.deepEqual(projection.state, { nail: 2501 })
  const rebuilding = projection.rebuild({ onProgress: () => void projection.stop() })
  await rejects(t, rebuilding, { code: 'SLUICE_CLOSED' })
  await projection.stop()
  await rejects(t, projection.rebuild(), { code: 'SLUICE_CLOSED' })
  throws(t, () => projection.rebuild({ onProgress: 1 } as object), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: 'onProgress',
  })
  throws(t, () => projection.rebuild({ progress: 1 } as object), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: 'progress',
  })
})

test('rebuilding brings a failed projection back, and its checkpoint is the new one', async (t) => {
  const { source, start } = trial()
  source.append(...Array.from({ length: 6 }, () => arrived('nail')))
  let broken = true
  const definition: Partial<StockDefinition> = {
    apply: (state, event) => {
      if (broken && event.position === 5) throw new Error('broken')
      return broken ? applied(state, event) : { ...state, mended: event.position }
    },
  }
  const projection = start(definition)
  await next(projection, 'failed')
  broken = false
  await projection.rebuild()
  t.is(projection.status, 'live')
  t.is(projection.error, undefined)
  t.deepEqual([projection.state, projection.position], [{ mended: 6 }, 6])
  source.append(arrived('nail'))
  await projection.until(7)
  t.deepEqual(projection.state, { mended: 7 })
  await projection.stop()
  const again = start({ apply: (state) => t.fail() && state })
  await again.until(7)
  t.deepEqual(again.state, { mended: 7 })
  await again.stop()
})

test('a state that comes out otherwise at the same position takes the place of the old checkpoint', async (t) => {
  const { source, fileSystem, start } = trial()
  source.append(arrived('nail'))
  let factor = 1
  const apply = (state: Stock) => ({ nail: (state['nail'] ?? 0) + factor })
  const projection = start({ apply })
  await projection.until(1)
  await projection.checkpoint()
  factor = 5
  await projection.rebuild()
  // Killed: nothing else was written.
  const again = trial(source, fileSystem.killProcess()).start({ apply })
  await again.until(1)
  t.deepEqual(again.state, { nail: 5 })
  await again.stop()
})

// Checkpoints that can't be used.

async function stopped(t: ExecutionContext, { source, start }: Trial, count = 5): Promise<void> {
  source.append(...Array.from({ length: count }, () => arrived('nail')))
  const projection = start()
  await projection.until(count)
  await projection.stop()
  t.is(projection.position, count)
}

async function rebuiltBecause(
  t: ExecutionContext,
  { source, start }: Trial,
  reason: IgnoredCheckpoint['reason'] | undefined,
  definition: Partial<StockDefinition> = {},
): Promise<void> {
  let count = 0
  const projection = start({
    ...definition,
    apply: (state, event) => {
      count++
      return applied(state, event)
    },
  })
  const ignored = ignoredBy(projection)
  await projection.until(source.head())
  t.deepEqual(
    ignored.map((each) => each.reason),
    reason === undefined ? [] : [reason],
  )
  t.is(count, reason === undefined ? 0 : source.events.filter(({ type }) => type !== 'Audited').length)
  isExact(t, projection, source)
  // What it makes then can be used.
  await projection.stop()
  const again = start(definition)
  t.deepEqual(ignoredBy(again), [])
  await again.until(source.head())
  isExact(t, again, source)
  await again.stop()
}

test('of another version or another query: rebuilt', async (t) => {
  const each = trial()
  await stopped(t, each)
  await rebuiltBecause(t, each, undefined)
  await rebuiltBecause(t, each, 'other-definition', { version: 2 })
  await rebuiltBecause(t, each, 'other-definition', { version: 1 })
  // The order of types and tags makes no other query.
  await rebuiltBecause(t, each, undefined, { query: { types: ['Left', 'Arrived'] } as unknown as typeof QUERY })
  const narrower = { types: ['Arrived', 'Left'], tags: [] } as unknown as typeof QUERY
  await rebuiltBecause(t, each, undefined, { query: narrower })
  await rebuiltBecause(t, each, 'other-definition', { query: [QUERY, { types: ['Audited'], tags: ['x'] }] as never })
})

test('of another name: rebuilt, and its file is closed', async (t) => {
  const each = trial()
  await stopped(t, each)
  each.fileSystem.renameSync(FILE, `${DIRECTORY}/other.checkpoint`)
  await rebuiltBecause(t, each, 'other-definition', { name: 'other' })
  t.deepEqual(each.fileSystem.openPaths, [])
})

test('of an event that differs only in its type, or in its bytes: rebuilt', async (t) => {
  for (const other of [{ type: 'Left' }, { data: Buffer.from('bytes of others') }] as const) {
    const each = trial()
    const bytes = Buffer.from('bytes of events')
    each.source.append({ type: 'Arrived', data: bytes } as unknown as StockEvent)
    const definition = { apply: (state: Stock) => state }
    const projection = each.start(definition)
    await projection.until(1)
    await projection.stop()
    const same = each.start(definition)
    t.deepEqual(ignoredBy(same), [])
    await same.until(1)
    await same.stop()
    each.source.events = each.source.events.map((event) => ({ ...event, ...other }) as unknown as StoredStockEvent)
    const again = each.start(definition)
    const ignored = ignoredBy(again)
    await again.until(1)
    t.like(ignored, [{ reason: 'other-history' }])
    await again.stop()
  }
})

test('ahead of a store that lost events: rebuilt', async (t) => {
  const each = trial()
  await stopped(t, each)
  each.source.cut(3)
  await rebuiltBecause(t, each, 'other-history')
})

test('of a history that was cut, and has grown again: rebuilt', async (t) => {
  const each = trial()
  await stopped(t, each)
  each.source.cut(3)
  each.source.append(arrived('nail'), arrived('nail'), left('nail'))
  await rebuiltBecause(t, each, 'other-history')
  // The checkpoint lies behind the last event that matched: what lies between must be known again too.
  each.source.append(audited, audited)
  const projection = each.start()
  await projection.until(each.source.head())
  await projection.stop()
  each.source.cut(each.source.head() - 2)
  each.source.append(arrived('bolt'), audited)
  await rebuiltBecause(t, each, 'other-history')
})

test('damaged in any byte, or cut short: rebuilt', async (t) => {
  const each = trial()
  await stopped(t, each)
  const { fileSystem, source, start } = each
  const good = bytesOf(fileSystem, FILE)
  const size = good.length
  const write = (bytes: Uint8Array): void => {
    const fd = fileSystem.openSync(FILE, 'write')
    fileSystem.truncateSync(fd, 0)
    fileSystem.writeSync(fd, bytes, 0, bytes.length, 0)
    fileSystem.closeSync(fd)
  }
  const tryWith = async (bytes: Uint8Array, what: string): Promise<void> => {
    write(bytes)
    const projection = start()
    const ignored = ignoredBy(projection)
    await projection.until(source.head())
    t.deepEqual(
      ignored.map(({ reason }) => reason),
      ['damaged'],
      what,
    )
    isExact(t, projection, source)
    await projection.stop()
  }
  for (let place = 0; place < size; place += 3) {
    const spoilt = Buffer.from(good)
    spoilt[place] = (spoilt[place] ?? 0) ^ (1 << (place % 8))
    await tryWith(spoilt, `a bit of byte ${place}`)
  }
  for (const bytes of [0, 10, size >> 1, size - 1]) await tryWith(good.subarray(0, bytes), `${bytes} of ${size} bytes`)
})

test('that its own deserialize refuses: rebuilt, with what that threw', async (t) => {
  const each = trial()
  await stopped(t, each)
  const error = new Error('no such state')
  const projection = each.start({
    serialize: (state) => JSON.stringify(state),
    deserialize: () => {
      throw error
    },
  })
  const ignored = ignoredBy(projection)
  await projection.until(5)
  t.like(ignored, [{ reason: 'damaged', error }])
  isExact(t, projection, each.source)
  await projection.stop()
})

// When checkpoints are made, and what hinders them.

test('a checkpoint every so many events, one at a time, each of one moment', async (t) => {
  const { source, fileSystem, start } = trial()
  const positions: number[] = []
  const projection = start({ checkpointEvery: 10 })
  projection.on('checkpoint', ({ position, bytes }) => {
    positions.push(position)
    t.is(bytes, sizeOf(fileSystem, FILE))
  })
  await projection.until(0)
  for (let i = 0; i < 35; i++) {
    source.append(arrived(`item ${i}`), audited)
    await projection.until(source.head() - 1)
    await quiet()
  }
  t.deepEqual(positions, [19, 39, 59])
  const release = fileSystem.inject({ call: 'datasync', hold: true, once: false })
  source.append(...Array.from({ length: 100 }, () => arrived('nail')))
  await projection.until(170)
  await quiet()
  t.is(positions.length, 3, 'one is on its way, and the others are left out')
  const byHand = watch(projection.checkpoint())
  await quiet()
  t.is(byHand.settled, undefined)
  release()
  await quiet()
  t.is(byHand.settled?.kind, 'resolved')
  t.is(positions.length, 5)
  t.true((positions[3] ?? 0) < 170)
  t.is(positions[4], 170)
  await projection.checkpoint()
  t.is(positions.length, 5, 'nothing came since')
  t.deepEqual(fileSystem.openPaths, [])
  await projection.stop()
})

function sizeOf(fileSystem: SimulatedFileSystem, path: string): number {
  const fd = fileSystem.openSync(path, 'read')
  const size = fileSystem.sizeSync(fd)
  fileSystem.closeSync(fd)
  return size
}

test('a checkpoint by hand waits for an apply that is under way', async (t) => {
  const { source, fileSystem } = trial()
  let finish = (): void => {}
  const definition = {
    ...{ name: 'stock', query: QUERY, init: () => new Counts(), ...codec },
    apply: async (state: Counts, { data }: { readonly data: { readonly item: string } }) => {
      state.set('begun', (state.get('begun') ?? 0) + 1)
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return state.set(data.item, (state.get(data.item) ?? 0) + 1) as Counts
    },
  }
  const projection = startProjection(source, folderOf(fileSystem), definition)
  await next(projection, 'live')
  for (const last of [false, true]) {
    source.append(arrived('nail'))
    await quiet()
    if (!last) finish()
    await quiet()
  }
  const making = watch(projection.checkpoint())
  await quiet()
  t.is(making.settled, undefined)
  finish()
  await quiet()
  t.is(making.settled?.kind, 'resolved')
  const again = startProjection(source, folderOf(fileSystem.killProcess()), definition)
  await again.until(2)
  t.deepEqual([...again.state], Object.entries({ begun: 2, nail: 2 }))
  await again.stop()
  await projection.stop()
})

test('of a large state there are fewer', async (t) => {
  const { source, start } = trial()
  const positions: number[] = []
  const projection = start({
    checkpointEvery: 10,
    serialize: (state) => JSON.stringify(state).padEnd(100 * 1024),
    deserialize: (bytes) => JSON.parse(bytes.toString()),
  })
  projection.on('checkpoint', ({ position }) => positions.push(position))
  for (let i = 0; i < 230; i++) {
    await projection.until(source.append(arrived('nail')))
    await quiet()
  }
  t.deepEqual(positions, [10, 110, 210])
  await projection.stop()
})

test('a full disk fails checkpoints, not the projection', async (t) => {
  const { source, fileSystem, start } = trial()
  const projection = start({ checkpointEvery: 10 })
  await projection.until(0)
  await quiet()
  const errors: unknown[] = []
  const positions: number[] = []
  projection.on('checkpointFailed', (error) => errors.push(error))
  projection.on('checkpoint', ({ position }) => positions.push(position))
  fileSystem.capacityBytes = 0
  for (let i = 0; i < 25; i++) {
    await projection.until(source.append(arrived('nail')))
    await quiet()
  }
  t.is(errors.length, 2)
  for (const error of errors) t.like(error, { code: 'SLUICE_DISK_FULL' })
  await rejects(t, projection.checkpoint(), { code: 'SLUICE_DISK_FULL' })
  t.deepEqual(fileSystem.listSync(DIRECTORY), [], 'nothing half-written stays')
  t.is(projection.status, 'live')
  fileSystem.capacityBytes = Number.POSITIVE_INFINITY
  await projection.checkpoint()
  t.deepEqual(positions, [25])
  fileSystem.inject({ call: 'datasync', error: 'EIO' })
  await projection.until(source.append(arrived('nail')))
  await projection.stop()
  t.is(projection.status, 'stopped')
  t.is(errors.length, 3, 'the last one failed too, and is told')
  const again = start()
  await again.until(source.head())
  isExact(t, again, source)
  await again.stop()
})

test('a folder that can not be made fails checkpoints, not the projection', async (t) => {
  const source = new ScriptedEvents()
  source.append(arrived('nail'))
  const projection = trial(source, new SimulatedFileSystem()).start()
  const ignored = ignoredBy(projection)
  await projection.until(1)
  t.like(ignored, [{ reason: 'damaged', error: { code: 'SLUICE_IO' } }])
  await rejects(t, projection.checkpoint(), { code: 'SLUICE_IO' })
  isExact(t, projection, source)
  await projection.stop()
})

test('without a folder it makes no checkpoints', async (t) => {
  const source = new ScriptedEvents()
  source.append(arrived('nail'))
  const projection = startProjection(source, undefined, { ...STOCK, checkpointEvery: 1 })
  await projection.until(1)
  await projection.checkpoint()
  await projection.rebuild()
  t.deepEqual(projection.state, { nail: 1 })
  await projection.stop()
})

test('a crash at any call of a checkpoint: the state is that of the events up to the position', async (t) => {
  const counted = await checkpointCalls()
  t.true(counted.length > 15)
  let resumed = 0
  for (let n = 1; n <= counted.length; n++) {
    for (const keep of ['none', 'some', 'all'] as const) {
      const { source, fileSystem, start } = trial()
      fileSystem.crashAfter(n)
      const projection = start({ checkpointEvery: 4 })
      await runThrough(projection, source)
      const after = fileSystem.crash({ keep, seed: seed + n })
      const again = trial(source, after).start({ checkpointEvery: 4 })
      const ignored = ignoredBy(again)
      await again.until(source.head())
      isExact(t, again, source)
      t.deepEqual(ignored, [], `a crash at call ${n} damages no checkpoint: each is synced before it has its name`)
      const first = await again.checkpoint()
      t.is(first, undefined)
      if (n > 15) resumed++
      await again.stop()
    }
  }
  t.true(resumed > 0)
})

async function runThrough(projection: Projection<Stock>, source: ScriptedEvents): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await projection.until(source.append(arrived(`item ${i % 3}`), audited))
    await quiet()
  }
  await projection.stop()
}

async function checkpointCalls(): Promise<readonly FileSystemCall[]> {
  const { source, fileSystem, start } = trial()
  const before = fileSystem.calls.length
  await runThrough(start({ checkpointEvery: 4 }), source)
  return fileSystem.calls.slice(before)
}

test('random histories with restarts, crashes, rebuildings and failures: always exact', async (t) => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 30 }) }),
    },
    fc.constant({ kind: 'restart' as const }),
    fc.constant({ kind: 'kill' as const }),
    fc.record({ kind: fc.constant('power cut' as const), seed: fc.nat() }),
    fc.constant({ kind: 'rebuild' as const }),
    fc.constant({ kind: 'checkpoint' as const }),
    fc.record({ kind: fc.constant('cut' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.constant({ kind: 'fail once' as const }),
  )
  const history = fc.record({
    steps: fc.array(step, { maxLength: 25 }),
    checkpointEvery: fc.integer({ min: 1, max: 40 }),
    async: fc.boolean(),
    inPlace: fc.boolean(),
    items: fc.infiniteStream(fc.nat({ max: 5 })),
  })
  const property = fc.asyncProperty(history, async ({ steps, checkpointEvery, async, inPlace, items }) => {
    const source = new ScriptedEvents()
    let fileSystem = madeFileSystem()
    let failAt = 0
    const step = (state: Stock, event: StoredStockEvent & { readonly type: 'Arrived' | 'Left' }): Stock => {
      const after = applied(state, event)
      // The state itself, changed: half of it is changed already when it fails.
      if (inPlace) Object.assign(state, after)
      if (event.position === failAt) throw new Error('once')
      return inPlace ? state : after
    }
    const start = (): Projection<Stock> =>
      trial(source, fileSystem).start({
        checkpointEvery,
        apply: async ? (state, event) => Promise.resolve().then(() => step(state, event)) : step,
      })
    let projection = start()
    const settle = async (): Promise<void> => {
      await projection.until(source.head())
      t.deepEqual(projection.state, stockAt(source, source.head()))
    }
    // Changed in place by an asynchronous `apply`, the state is a moment ahead of the position.
    const looksExact = (): void => {
      if (!(async && inPlace)) isExact(t, projection, source)
    }
    for (const each of steps) {
      if (each.kind === 'append') {
        for (let i = 0; i < each.count; i++) {
          const item = items.next().value ?? 0
          source.append([audited, arrived('a'), arrived('b', 2), left('a'), left('b'), arrived('c')][item] ?? audited)
        }
        looksExact()
      } else if (each.kind === 'restart') {
        await projection.stop()
        isExact(t, projection, source)
        projection = start()
      } else if (each.kind === 'kill' || each.kind === 'power cut') {
        const left = projection
        fileSystem = each.kind === 'kill' ? fileSystem.killProcess() : fileSystem.crash({ seed: each.seed })
        await left.stop()
        projection = start()
      } else if (each.kind === 'rebuild') {
        await projection.rebuild()
        await settle()
      } else if (each.kind === 'checkpoint') {
        await projection.checkpoint()
        looksExact()
      } else if (each.kind === 'cut') {
        await projection.stop()
        source.cut(Math.floor(source.head() * each.share))
        projection = start()
      } else {
        await settle()
        failAt = source.head() + 1
        const failed = next(projection, 'failed')
        source.append(arrived('a'))
        await failed
        t.is(projection.position, source.head() - 1)
        isExact(t, projection, source)
        failAt = 0
        await projection.stop()
        projection = start()
      }
    }
    await settle()
    await projection.stop()
  })
  await t.notThrowsAsync(fc.assert(property, BOUNDS))
})

test('a long history lets the event loop go round', async (t) => {
  const source = new ScriptedEvents()
  source.append(...Array.from({ length: 3000 }, () => arrived('nail')))
  let longest = 0
  let last = performance.now()
  let turns = 0
  const projection = startProjection(source, undefined, {
    ...STOCK,
    apply: (state, event) => {
      // As if each took its time: a clock would do, but only this one is sure to go on.
      const until = performance.now() + 0.05
      while (performance.now() < until);
      return applied(state, event)
    },
  })
  const beat = setInterval(() => {
    turns++
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  await projection.until(3000)
  clearInterval(beat)
  t.true(turns >= 5, `${turns} turns, at most ${longest} ms apart`)
  await projection.stop()
})

// Names and definitions.

test('two projections of one name are refused, until the first has ended', async (t) => {
  const source = new ScriptedEvents()
  const projections = new Projections<StockEvent>(source, folderOf(madeFileSystem()))
  const first = projections.create(STOCK)
  throws(t, () => projections.create(STOCK), { code: 'SLUICE_INVALID_ARGUMENT', mentions: '"stock"' })
  throws(t, () => projections.create({ ...STOCK, name: 'Stock' }), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: '"Stock"',
  })
  const other = projections.create({ ...STOCK, name: 'other' })
  await first.stop()
  const second = projections.create(STOCK)
  source.append(arrived('nail'))
  await second.until(1)
  await projections.stop()
  t.deepEqual([second.status, other.status], ['stopped', 'stopped'])
  t.deepEqual(other.state, { nail: 1 })
})

test('what can not be a projection is refused by name', (t) => {
  const { source, fileSystem, start } = trial()
  const refused = (definition: object, mentions: string): void => {
    throws(t, () => start(definition), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  for (const name of ['', '.', '..', '.hidden', 'a/b', '../up', 'a\\b', 'a b', 'ä', 'x'.repeat(101), 5, undefined]) {
    refused({ name }, 'name')
  }
  for (const name of ['x'.repeat(100), 'A-b_c.9', '__proto__']) t.notThrows(() => start({ name }).stop())
  for (const version of [0, -1, 1.5, '1', Number.NaN]) refused({ version }, 'version')
  for (const checkpointEvery of [0, 1.5, Number.POSITIVE_INFINITY]) refused({ checkpointEvery }, 'checkpointEvery')
  for (const query of [[], {}, 'some', { types: [] }]) refused({ query }, 'query')
  refused({ init: {} }, 'init')
  refused({ apply: undefined }, 'apply')
  refused({ serialize: () => '' }, 'deserialize')
  refused({ deserialize: () => ({}) }, 'serialize')
  refused({ chekpointEvery: 5 }, 'chekpointEvery')
  for (const definition of [undefined, null, 5, []]) {
    throws(t, () => startProjection(source, folderOf(fileSystem), definition as never), {
      code: 'SLUICE_INVALID_ARGUMENT',
    })
  }
  const thrown = new Error('init')
  t.is(
    t.throws(() =>
      start({
        init: () => {
          throw thrown
        },
      }),
    ),
    thrown,
  )
})

test('a state that JSON can not hold is refused at once, or at the checkpoint', async (t) => {
  class Special {
    readonly value = 1
  }
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const bad: readonly (readonly [unknown, string])[] = [
    [new Map(), '$ is an object of Map'],
    [{ a: { b: [1, new Set()] } }, '$.a.b[1] is an object of Set'],
    [{ at: new Date(0) }, '$.at is an object of Date'],
    [{ n: Number.NaN }, '$.n is NaN'],
    [[1, undefined], '$[1] is undefined'],
    [new Special(), '$ is an object of Special'],
    [Object.create(null), '$ is an object of no class'],
    [{ f: () => 1 }, '$.f is a function'],
    [5n, 'BigInt'],
    [cycle, 'circular'],
    [new Uint8Array(2), '$ is an object of Uint8Array'],
  ]
  const { source, start } = trial()
  for (const [state, mentions] of bad) {
    throws(t, () => start({ init: () => state as Stock }), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  for (const state of [
    null,
    'text',
    0,
    true,
    [],
    [[{}]],
    { __proto__: null, a: undefined, b: [] },
    JSON.parse('{"__proto__":1}'),
  ]) {
    if (state !== null && typeof state === 'object' && Object.getPrototypeOf(state) === null) continue
    const projection = start({ init: () => state as Stock })
    await projection.stop()
  }
  const projection = start({ apply: (state, event) => ({ ...state, nail: event.position === 2 ? Number.NaN : 1 }) })
  source.append(arrived('nail'), arrived('nail'))
  await projection.until(2)
  const error = await rejects(t, projection.checkpoint(), { code: 'SLUICE_INVALID_ARGUMENT' })
  t.regex(error.message, /\$\.nail is NaN/)
  source.append(arrived('nail'))
  await projection.until(3)
  await projection.checkpoint()
  await projection.stop()
})

test('states as bytes of any kind', async (t) => {
  const { source, fileSystem } = trial()
  const definition = {
    ...{ name: 'stock', query: QUERY, init: () => new Counts() },
    apply: (state: Counts, { data }: { readonly data: { readonly item: string } }) => state.set(data.item, 1) as Counts,
    serialize: (state: Counts) => Buffer.from([...state.keys()].join('\0')),
    deserialize: (bytes: Buffer) =>
      new Counts(
        bytes
          .toString()
          .split('\0')
          .map((key) => [key, 1]),
      ),
  }
  const items = Array.from({ length: 300 }, (_, i) => `${i} `.padEnd(8000, 'x'))
  source.append(...items.map((item) => arrived(item)))
  const first = startProjection(source, folderOf(fileSystem), definition)
  await first.until(300)
  await first.stop()
  t.true(sizeOf(fileSystem, FILE) > 2_000_000, 'several blocks')
  const second = startProjection(source, folderOf(fileSystem), { ...definition, apply: (state) => t.fail() && state })
  await second.until(300)
  t.deepEqual([...second.state.keys()], items)
  await second.stop()
  throws(t, () => startProjection(source, undefined, { ...definition, deserialize: undefined as never }), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: 'deserialize',
  })
  const five = { ...definition, serialize: () => 5 as never }
  throws(t, () => startProjection(source, folderOf(fileSystem), five), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: 'serialize must return',
  })
})
