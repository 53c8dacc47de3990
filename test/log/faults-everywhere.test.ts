import test from 'ava'
import type { FileSystem } from '../../src/fs/file-system.js'
import type { SimulatedFileSystem } from '../../src/testing/index.js'
import { callsOfScript, problemsOf, sampleOf, type Trial, trialsOf } from '../support/faults/fault-run.js'
import { LEFTOVERS, POLICIES, prepared, REPAIR, type Script, wholeLife } from '../support/faults/scripts.js'
import { random } from '../support/random.js'

/*
 * Each call that a script makes of its file system fails, in each way: EIO, EINTR, ENOSPC and EDQUOT where it takes room,
 * and short transfers; once, and for good. Whatever it is: nothing is acknowledged that a power cut can take, every error
 * has one of the codes that the docstrings name, nothing acknowledged is lost, nothing is found that was said not to be
 * written, every promise settles, and neither descriptor nor lock is left.
 *
 * There are more than ten thousand of these runs. By default each call fails in one way, which the seed decides, and of the
 * whole lives every other call; with SLUICE_FAULTS=all each call in every way.
 */

const ALL = process.env['SLUICE_FAULTS'] === 'all'
/** Most of their calls are the same: where one of them passes over a call, the next one doesn't. */
const WHOLE_LIVES: readonly Script[] = POLICIES.map(wholeLife)
const SCRIPTS: readonly Script[] = [
  ...WHOLE_LIVES,
  prepared({ flush: 'batch' }),
  prepared({ preparedSegments: 2 }),
  ...LEFTOVERS,
  REPAIR,
]
/** The first ones tell what is wrong; thousands tell no more. */
const SHOWN_MAX = 20

const rejections: unknown[] = []
process.on('unhandledRejection', (error) => rejections.push(error))

const { seed } = random()

/** What is tried by default of the script that has this place among all. */
function someOf(trials: readonly Trial[], place: number): Trial[] {
  const sample = sampleOf(trials, seed)
  return place < WHOLE_LIVES.length ? sample.filter(({ index }) => (index + place + seed) % 2 === 0) : sample
}

function described({ index, call, fault }: Trial): string {
  return `call ${index}, ${call.call} of ${call.path}, with ${JSON.stringify(fault)}`
}

for (const [place, script] of SCRIPTS.entries()) {
  test.serial(`whatever fails, wherever: ${script.name}`, async (t) => {
    const beginning = await script.begin()
    const trials = trialsOf(await callsOfScript(script, beginning))
    const chosen = ALL ? trials : someOf(trials, place)
    const wrong: string[] = []
    let told = 0
    for (const trial of chosen) {
      const { problems, codes } = await problemsOf(script, beginning, trial)
      if (codes.size > 0) told++
      if (problems.length > 0) wrong.push(`${described(trial)}: ${[...new Set(problems)].join('; ')}`)
    }
    t.log(`SLUICE_SEED=${seed}: ${chosen.length} runs of ${trials.length}, of which ${told} were told an error`)
    t.deepEqual(wrong.slice(0, SHOWN_MAX), [], `${wrong.length} runs went wrong`)
    t.deepEqual(rejections, [])
    t.true(told > chosen.length / 4)
  })
}

type Spoiled = (real: SimulatedFileSystem) => Partial<FileSystem>

/** What a log would do that had this fault of its own, and what must be said of it. */
const CANARIES: readonly (readonly [string, Trial['fault']['call'], Spoiled, RegExp])[] = [
  [
    'a failed sync is passed over',
    'datasyncSync',
    (real) => ({
      datasyncSync(fd) {
        try {
          real.datasyncSync(fd)
        } catch {}
      },
    }),
    /was acknowledged \(durable\), and is gone/,
  ],
  [
    'a failed sync is repeated',
    'datasyncSync',
    (real) => ({
      datasyncSync(fd) {
        try {
          real.datasyncSync(fd)
        } catch {
          real.datasyncSync(fd)
        }
      },
    }),
    /was acknowledged \(durable\), and is gone/,
  ],
  ['a descriptor is not closed', 'datasyncSync', () => ({ closeSync() {} }), /left open/],
  [
    'an error has no code',
    'datasyncSync',
    () => ({
      sizeSync() {
        throw new TypeError('no code')
      },
    }),
    /is no SluiceError/,
  ],
  ['a call never ends', 'datasyncSync', () => ({ open: () => new Promise(() => {}) }), /is pending for ever/],
  [
    'a lock is not given back',
    'datasyncSync',
    (real) => ({
      async claim(directory) {
        await real.claim(directory)
        return { async release() {} }
      },
    }),
    /can't be opened any more: SluiceError: .* is locked/,
  ],
]

for (const [name, call, spoil, expected] of CANARIES) {
  test.serial(`these checks see it when ${name}`, async (t) => {
    const script = wholeLife({ flush: 'batch' })
    const beginning = await script.begin()
    const trials = trialsOf(await callsOfScript(script, beginning))
    const found: string[] = []
    const through = (real: SimulatedFileSystem): FileSystem => {
      const spoiled: Partial<Record<string | symbol, unknown>> = spoil(real)
      return new Proxy(real, {
        get(target, property) {
          const value: unknown = spoiled[property] ?? Reflect.get(target, property)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    for (const trial of trials) {
      if (trial.call.call !== call || !trial.call.path.includes('.seg') || trial.fault.error !== 'EIO') continue
      const { problems } = await problemsOf(script, { ...beginning, through }, trial)
      found.push(...problems)
      if (found.some((problem) => expected.test(problem))) break
    }
    t.regex(found.join('\n'), expected)
  })
}
