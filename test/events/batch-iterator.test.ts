import { getEventListeners } from 'node:events'
import test from 'ava'
import { BatchIterator, type BatchSource, type IterationEnd } from '../../src/events/batch-iterator.js'
import { quiet, rejection, watch } from '../support/simulated-log.js'

/** A source whose batches a test gives out by hand. */
class HeldSource implements BatchSource<number> {
  readonly ends: IterationEnd[] = []
  give: (batch: readonly number[] | undefined) => void = () => {}

  next(end: IterationEnd): Promise<readonly number[] | undefined> {
    this.ends.push(end)
    return new Promise((resolve) => {
      this.give = resolve
    })
  }
}

test('who ends an iteration waits until nothing is being read for it', async (t) => {
  const source = new HeldSource()
  const iterator = new BatchIterator(source, undefined)
  const value = iterator.next()
  const returned = watch(iterator.return())
  t.deepEqual(await value, { done: true, value: undefined })
  await quiet()
  t.is(returned.settled, undefined, 'a batch is on its way')
  t.true(source.ends[0]?.aborted)
  source.give([1, 2])
  await quiet()
  t.deepEqual(returned.settled, { kind: 'resolved', value: { done: true, value: undefined } })
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
  t.is(source.ends.length, 1)
})

test('the signal is listened to only while somebody waits', async (t) => {
  const source = new HeldSource()
  const stop = new AbortController()
  const listeners = () => getEventListeners(stop.signal, 'abort').length
  const iterator = new BatchIterator(source, stop.signal)
  t.is(listeners(), 0)
  for (let round = 0; round < 3; round++) {
    const value = iterator.next()
    t.is(listeners(), 1)
    source.give([round])
    t.deepEqual(await value, { done: false, value: round })
    await quiet()
    t.is(listeners(), 0)
  }
  const reason = new Error('enough')
  const last = rejection(iterator.next())
  const behind = iterator.next()
  stop.abort(reason)
  t.is<unknown, unknown>(await last, reason)
  t.deepEqual(await behind, { done: true, value: undefined })
})
