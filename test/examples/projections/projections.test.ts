import { readFileSync } from 'node:fs'
import test from 'ava'
import { type SeatEvent, takeSeat } from '../../../examples/projections/seats.js'
import { StockList } from '../../../examples/projections/stock-list.js'
import { openRegistrations, register } from '../../../examples/registrations/registrations.js'
import { MemoryEventStore, SimulatedFileSystem } from '../../../src/testing/index.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

test('the stock list of the example tells what arrived, also after a power cut', async (t) => {
  let fileSystem = new SimulatedFileSystem()
  const list = await StockList.open('/stock', { fileSystem })
  await Promise.all([list.arrive('nail', 3), list.arrive('screw', 2), list.arrive('nail', 4)])
  t.deepEqual([list.count('nail'), list.count('screw'), list.count('bolt')], [7, 2, 0])
  fileSystem = fileSystem.crash()
  const again = await StockList.open('/stock', { fileSystem })
  await again.arrive('bolt', 1)
  t.deepEqual([again.count('nail'), again.count('screw'), again.count('bolt')], [7, 2, 1])
  await again.close()
})

test('of the seats of the example there are never too many taken', async (t) => {
  const store = new MemoryEventStore<SeatEvent>()
  for (const [room, seats] of [
    ['hall', 5],
    ['attic', 50],
  ] as const) {
    await store.append({ type: 'RoomOpened', tags: [`room:${room}`], data: { room, seats } })
  }
  const hall = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => takeSeat(store, 'hall', `guest ${i}`)))
  t.is(hall.filter(({ status }) => status === 'fulfilled').length, 5)
  const attic = await Promise.allSettled(Array.from({ length: 6 }, () => takeSeat(store, 'attic', 'ada')))
  t.is(attic.filter(({ status }) => status === 'fulfilled').length, 2)
  for (const each of hall) if (each.status === 'rejected') t.is(each.reason.message, 'hall is full')
  for (const each of attic) if (each.status === 'rejected') t.is(each.reason.message, 'ada has two seats already')
})

test('of a thousand registrations of one address in the example one wins, over restarts too', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await openRegistrations(directory)
  const wins = await Promise.all(Array.from({ length: 1000 }, (_, i) => register(store, 'ada@example.org', `${i}`)))
  t.is(wins.filter(Boolean).length, 1)
  await store.close()
  const again = await openRegistrations(directory)
  t.false(await register(again, 'ada@example.org', 'later'))
  await again.append({ type: 'Left', tags: ['email:ada@example.org'], data: { email: 'ada@example.org' } })
  t.true(await register(again, 'ada@example.org', 'later'))
  await again.close()
})

test('the page shows the examples as they are', (t) => {
  const text = readFileSync('docs/EVENTS.md', 'utf8')
  for (const name of ['registrations/registrations', 'projections/stock-list', 'projections/seats']) {
    t.true(text.includes(`\`\`\`ts\n${readFileSync(`examples/${name}.ts`, 'utf8')}\`\`\``), name)
  }
})
