import test from 'ava'
import { GuardedEmitter } from '../../src/observe/guarded-emitter.js'

interface Events {
  news: (value: number, text?: string) => void
  other: () => void
}

class Emitter extends GuardedEmitter<Events> {}

test('listeners are called in order with what was emitted, and this', (t) => {
  const emitter = new Emitter()
  const calls: unknown[] = []
  const context = { name: 'context' }
  emitter.on('news', function (this: unknown, ...values) {
    calls.push([this === emitter, values])
  })
  emitter.addListener(
    'news',
    function (this: unknown, ...values) {
      calls.push([this === context, values])
    },
    context,
  )
  t.true(emitter.emit('news', 1, 'text'))
  t.deepEqual(calls, [
    [true, [1, 'text']],
    [true, [1, 'text']],
  ])
  t.false(emitter.emit('other'))
})

test('once is once, also where the listener emits again', (t) => {
  const emitter = new Emitter()
  let calls = 0
  emitter.once('news', () => {
    calls++
    emitter.emit('news', 2)
  })
  emitter.emit('news', 1)
  emitter.emit('news', 3)
  t.is(calls, 1)
  t.is(emitter.listenerCount('news'), 0)
})

test('off and removeListener take out the listener that was given', (t) => {
  for (const remove of ['off', 'removeListener'] as const) {
    for (const add of ['on', 'addListener', 'once'] as const) {
      const emitter = new Emitter()
      const calls: string[] = []
      const first = (): void => void calls.push('first')
      const second = (): void => void calls.push('second')
      emitter[add]('news', first)
      emitter[add]('news', second)
      emitter[add]('other', first)
      emitter[remove]('news', first)
      emitter.emit('news', 1)
      emitter.emit('other')
      t.deepEqual(calls, ['second', 'first'], `${add}, ${remove}`)
    }
  }
})

test('off with a context, or for once alone, takes out only those', (t) => {
  const emitter = new Emitter()
  const calls: unknown[] = []
  const one = { name: 'one' }
  const two = { name: 'two' }
  function listener(this: unknown): void {
    calls.push(this)
  }
  emitter.on('other', listener, one).on('other', listener, two).once('other', listener, two)
  emitter.off('other', listener, one)
  emitter.off('other', listener, undefined, true)
  emitter.emit('other')
  t.deepEqual(calls, [two])
})

test('off without a listener, and removeAllListeners, take out all of them', (t) => {
  const emitter = new Emitter()
  const fill = (): void => {
    for (let index = 0; index < 3; index++) emitter.on('news', () => t.fail()).on('other', () => t.fail())
  }
  fill()
  emitter.off('news')
  t.false(emitter.emit('news', 1))
  t.is(emitter.listenerCount('other'), 3)
  emitter.removeAllListeners('other')
  t.deepEqual(emitter.eventNames(), [])
  fill()
  emitter.removeAllListeners()
  t.false(emitter.emit('news', 1))
  t.false(emitter.emit('other'))
})

test('listeners() are those that were given', (t) => {
  const emitter = new Emitter()
  const one = (): void => {}
  const two = (): void => {}
  t.deepEqual(emitter.listeners('news'), [])
  emitter.on('news', one).once('news', two).on('news', one)
  t.deepEqual(emitter.listeners('news'), [one, two, one])
  t.is(emitter.listenerCount('news'), 3)
})

test('what is no function is refused when it is added, not when it is called', (t) => {
  const emitter = new Emitter()
  for (const wrong of [undefined, null, {}, 'text']) {
    for (const add of ['on', 'addListener', 'once'] as const) {
      const error = t.throws(() => emitter[add]('news', wrong as unknown as () => void), { any: true }) // That is the point.
      t.true(error instanceof TypeError)
    }
  }
  t.deepEqual(emitter.eventNames(), [])
})

test('a listener on several emitters is guarded on each', (t) => {
  const calls: unknown[] = []
  function listener(this: unknown): void {
    calls.push(this)
  }
  const one = new Emitter().on('other', listener)
  const two = new Emitter().on('other', listener)
  one.emit('other')
  two.emit('other')
  t.is(calls[0], one)
  t.is(calls[1], two)
})
