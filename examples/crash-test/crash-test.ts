import assert from 'node:assert/strict'
import { Random, SimulatedFileSystem } from 'sluice/testing'
import { Stock } from './stock.js'

const DIRECTORY = '/data/stock'

/** Cuts the power at a random call of a random run, and opens what is left, in several ways. Throws where it is wrong. */
export async function crashOnce(seed: number): Promise<void> {
  const random = new Random(seed)
  const fileSystem = new SimulatedFileSystem({ seed })
  fileSystem.crashAfter(1 + random.below(60)) // From that call on, every call throws.

  // What must be there afterwards, and what may be: the one change that was never answered.
  let [bolts, nuts] = [0, 0]
  const allowed = new Set<string>(['0,0'])
  try {
    const stock = await Stock.open(DIRECTORY, { fileSystem })
    for (;;) {
      const exchanges = bolts > 0 && random.chance(0.5)
      const next = exchanges ? [bolts - 1, nuts + 1] : [bolts + 1, nuts]
      allowed.add(next.join())
      await (exchanges ? stock.exchange('bolts', 'nuts', 1) : stock.add('bolts', 1))
      allowed.clear() // It was acknowledged: from now on it has to be there.
      allowed.add(next.join())
      bolts = next[0] ?? 0
      nuts = next[1] ?? 0
    }
  } catch (error) {
    // The world has stopped, or the log has told that it failed. A fault of the service itself is neither.
    if (fileSystem.stoppedAt === undefined) throw error
  }

  for (let cut = 0; cut < 5; cut++) {
    const after = fileSystem.stateAfterCrash({ seed: seed + cut })
    const stock = await Stock.open(DIRECTORY, { fileSystem: after })
    const found = `${stock.count('bolts')},${stock.count('nuts')}`
    await stock.close()
    assert.ok(allowed.has(found), `seed ${seed}, cut ${cut}: ${found}, not ${[...allowed].join(' or ')}`)
  }
}
