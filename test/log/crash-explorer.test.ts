import test from 'ava'
import { hatch } from '../support/crash/canary.js'
import { CANARIES } from '../support/crash/canary-list.js'
import { STATE_KINDS } from '../support/crash/crash-state.js'
import { explore } from '../support/crash/explorer.js'
import { freezeTime } from '../support/crash/frozen-clock.js'
import { MIXED } from '../support/crash/profiles.js'
import { describe, shrink, trace } from '../support/crash/shrink.js'
import { loadSubject, type Subject } from '../support/crash/subject.js'
import { random } from '../support/random.js'

/*
 * Random workloads, crashed at any call, in many ways, and crashed again while they recover. Whatever survives, the log
 * opens again to a dense prefix of what was accepted, byte for byte, with all that was acknowledged as durable (P1, P2),
 * whole `appendMany`s (P3), acknowledged in order (P4), without what was rejected on a full disk (P6); what was read
 * before is there (P12), and what is found stays, whatever happens next; a flipped bit is told, and never data (P7).
 */

/** `npm run test:crash` tries a million. */
const STATES = 10_000

const { seed } = random()

// Told before anything is tried: it has to be known also where the process doesn't live to the end of a test.
test.before((t) => t.log(`SLUICE_SEED=${seed}`))

test.serial('every crash state is survived', async (t) => {
  const clock = freezeTime(t)
  const subject = await loadSubject()
  const { states, byKind, withLosses, failure } = await explore({ subject, clock, seed, states: STATES })
  if (failure !== undefined) return t.fail(await trace(subject, clock, failure))
  t.log(`${states} crash states: ${[...byKind].map(([kind, count]) => `${count} ${kind}`).join(', ')}`)
  t.log(`in ${withLosses} of them something was gone that nobody had been told was durable`)
  for (const kind of STATE_KINDS) {
    const count = byKind.get(kind) ?? 0
    t.true(count > STATES / 200, `${kind} was tried only ${count} times, SLUICE_SEED=${seed}`)
  }
  return t.true(withLosses > STATES / 20, `only ${withLosses} crashes took anything, SLUICE_SEED=${seed}`)
})

test.serial('a failure is replayed by its seed, and shrinks to a few operations', async (t) => {
  const clock = freezeTime(t)
  const canary = CANARIES.find(({ name }) => name === 'drop the data sync')
  if (canary === undefined) throw new Error('there is no such canary')
  const { subject, remove } = await hatch(canary)
  t.teardown(remove)
  const { profile } = canary
  const { failure } = await explore({ subject, clock, seed: 11, states: 2000, profile })
  if (failure === undefined) return t.fail('nothing fails')
  const { seed: found } = failure.scenario
  const again = await explore({ subject, clock, seed: found, states: 1, profile })
  t.is(again.failure?.violation.message, failure.violation.message)
  t.deepEqual(again.failure?.crash, failure.crash)
  const shortest = await shrink(subject, clock, failure)
  t.true(shortest.scenario.operations.length <= 3, describe(shortest))
  return t.regex(describe(shortest, found), new RegExp(`SLUICE_SEED=${found};`))
})

test.serial('a failure is told with its seed whatever becomes of making it short', async (t) => {
  const clock = freezeTime(t)
  const subject = await loadSubject()
  // A build that is whole, but for the one opening that fails: whatever is tried after that is survived.
  let openings = 0
  const failing: Subject = {
    ...subject,
    openLog: (...given) => {
      if (++openings === 40) throw new TypeError('something that nobody expected')
      return subject.openLog(...given)
    },
  }
  const { failure } = await explore({ subject: failing, clock, seed: 11, states: 2000, profile: MIXED })
  if (failure === undefined) return t.fail('nothing fails')
  const told = await trace(failing, clock, failure)
  t.regex(told, /something that nobody expected/)
  t.regex(told, new RegExp(`SLUICE_SEED=${failure.scenario.seed};`))
  t.regex(told, /the same workload did not fail again/)
  // Nor is it lost where the replay ends in an error of its own.
  const broken: Subject = {
    ...subject,
    get SimulatedFileSystem(): never {
      throw new TypeError('there is no file system any more')
    },
  }
  const toldAll = await trace(broken, clock, failure)
  t.regex(toldAll, /something that nobody expected/)
  t.regex(toldAll, new RegExp(`SLUICE_SEED=${failure.scenario.seed};`))
  return t.regex(toldAll, /there is no file system any more/)
})
