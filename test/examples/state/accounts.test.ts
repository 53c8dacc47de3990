import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Accounts } from '../../../examples/state/accounts.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

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

test('the page shows the example as it is', (t) => {
  const page = readFileSync('docs/STATE.md', 'utf8')
  t.true(page.includes(`\`\`\`ts\n${readFileSync('examples/state/accounts.ts', 'utf8')}\`\`\``))
})
