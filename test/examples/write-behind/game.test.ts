import { readFileSync } from 'node:fs'
import test from 'ava'
import { Game, type Player } from '../../../examples/write-behind/game.js'
import { MemoryRepository, SimulatedFileSystem } from '../../../src/testing/index.js'

const directory = '/data/game'

test('the page shows the example as it is', (t) => {
  const page = readFileSync('docs/WRITE-BEHIND.md', 'utf8')
  t.true(page.includes(`\`\`\`ts\n${readFileSync('examples/write-behind/game.ts', 'utf8')}\`\`\``))
})

test('the game of the example saves its players once, and loses none in a crash', async (t) => {
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
