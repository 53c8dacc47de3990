import { readFileSync } from 'node:fs'
import test from 'ava'
import { crashOnce } from '../../../examples/crash-test/crash-test.js'
import { Stock } from '../../../examples/crash-test/stock.js'
import { SimulatedFileSystem } from '../../../src/testing/index.js'
import { random } from '../../support/random.js'
import { quiet } from '../../support/simulated-log.js'

const page = readFileSync('docs/TESTING.md', 'utf8')

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

test('the page shows the example as it is', (t) => {
  for (const name of ['stock', 'crash-test']) {
    t.true(page.includes(`\`\`\`ts\n${readFileSync(`examples/crash-test/${name}.ts`, 'utf8')}\`\`\``), name)
  }
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
