import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { crashOnce } from '../../examples/crash-test/crash-test.js'
import { Stock } from '../../examples/crash-test/stock.js'
import { type SeatEvent, takeSeat } from '../../examples/projections/seats.js'
import { StockList } from '../../examples/projections/stock-list.js'
import { openRegistrations, register } from '../../examples/registrations/registrations.js'
import { Accounts } from '../../examples/state/accounts.js'
import { Game, type Player } from '../../examples/write-behind/game.js'
import { MemoryEventStore, MemoryRepository, SimulatedFileSystem } from '../../src/testing/index.js'
import { random } from '../support/random.js'
import { quiet } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const SHOWN: Readonly<Record<string, readonly string[]>> = {
  TESTING: ['crash-test/stock', 'crash-test/crash-test'],
  EVENTS: ['registrations/registrations', 'projections/stock-list', 'projections/seats'],
  STATE: ['state/accounts'],
  'WRITE-BEHIND': ['write-behind/game'],
}

for (const [page, names] of Object.entries(SHOWN)) {
  test(`docs/${page}.md shows its examples as they are`, (t) => {
    const text = readFileSync(`docs/${page}.md`, 'utf8')
    for (const name of names) {
      t.true(text.includes(`\`\`\`ts\n${readFileSync(`examples/${name}.ts`, 'utf8')}\`\`\``), name)
    }
  })
}

// docs/TESTING.md

test.serial('the service of the example survives a power cut at any call', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  for (let run = 0; run < 30; run++) await crashOnce((seed + run) % 2 ** 32)
  t.pass()
})

test.serial('the crash test of the example fails for a service that answers too early', async (t) => {
  const { add } = Stock.prototype
  // It doesn't wait until the log has it.
  Stock.prototype.add = async function (this: Stock, article, count) {
    add.call(this, article, count).catch(() => {})
    await new Promise(setImmediate)
  }
  t.teardown(() => {
    Stock.prototype.add = add
  })
  await t.throwsAsync(
    async () => {
      for (let seed = 0; seed < 100; seed++) await crashOnce(seed)
    },
    { code: 'ERR_ASSERTION' },
  )
})

test.serial('the faults of the page do what it says', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const stock = await Stock.open('/data/stock', { fileSystem })
  await stock.add('bolts', 1)
  await quiet() // The log fills zeros in ahead, and syncs them: it is the next batch that is to fail.
  fileSystem.inject({ call: 'datasyncSync', path: /\.seg$/, error: 'EIO' })
  await t.throwsAsync(stock.add('bolts', 1), { code: 'SLUICE_COMMIT_FAILED' })
  await stock.close()
  t.deepEqual(fileSystem.openPaths, [])
  const again = await Stock.open('/data/stock', { fileSystem })
  t.is(again.count('bolts'), 2, 'it was indeterminate; the process lives, so it is there')
  fileSystem.quotaBytes = 0
  await t.throwsAsync(again.add('x'.repeat(4_000_000), 1), { code: 'SLUICE_DISK_FULL' })
  fileSystem.quotaBytes = Number.POSITIVE_INFINITY
  await again.add('bolts', 1)
  await again.close()
})

// docs/EVENTS.md

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

// docs/STATE.md

test('the accounts of the example lose no cent, over restarts too', async (t) => {
  const folder = temporaryDirectory(t)
  const directory = join(folder, 'accounts')
  const accounts = await Accounts.open(directory)
  t.deepEqual(
    await Promise.all([
      accounts.openAccount('a', 'ada'),
      accounts.openAccount('b', 'bob'),
      accounts.openAccount('a', 'eve'),
    ]),
    [true, true, false],
  )
  await Promise.all(Array.from({ length: 100 }, () => accounts.deposit('a', 5)))
  await accounts.deposit('nobody', 5)
  await Promise.all(Array.from({ length: 20 }, () => accounts.transfer('a', 'b', 10)))
  await t.throwsAsync(accounts.transfer('a', 'b', 1000), { message: "a can't pay b so much" })
  await t.throwsAsync(accounts.transfer('a', 'nobody', 1), { message: "a can't pay nobody so much" })
  await accounts.close()
  const again = await Accounts.open(directory)
  t.deepEqual([again.centsOf('a'), again.centsOf('b'), again.centsOf('nobody')], [300, 200, undefined])
  await again.close()
  t.deepEqual(JSON.parse(readFileSync(join(folder, 'accounts.json'), 'utf8')), {
    a: { owner: 'ada', cents: 300 },
    b: { owner: 'bob', cents: 200 },
  })
})

// docs/WRITE-BEHIND.md

test.serial('the game of the example saves its players once, and loses none in a crash', async (t) => {
  SteppedClock.install(t) // However long the moves take: they come within the second after which players are saved.
  const directory = '/data/game'
  const fileSystem = new SimulatedFileSystem()
  const repository = new MemoryRepository<Player>()
  const game = new Game(repository, { directory, fileSystem })
  for (let x = 1; x <= 100; x++) await game.move('ada', x, 0)
  await game.move('bob', 1, 1)
  const crashed = fileSystem.stateAfterCrash({ keep: 'none' })
  await game.stop()
  t.is(repository.batches.length, 1)
  t.deepEqual(
    [...repository.values],
    [
      ['ada', { x: 100, y: 0 }],
      ['bob', { x: 1, y: 1 }],
    ],
  )

  const after = new MemoryRepository<Player>()
  await new Game(after, { directory, fileSystem: crashed }).stop()
  t.deepEqual(after.values, repository.values)
})
