import test from 'ava'
import { hatch } from '../support/crash/canary.js'
import { CANARIES } from '../support/crash/canary-list.js'
import { STATE_KINDS } from '../support/crash/crash-state.js'
import { explore } from '../support/crash/explorer.js'
import { freezeTime } from '../support/crash/frozen-clock.js'
import { describe, shrink } from '../support/crash/shrink.js'
import { loadSubject } from '../support/crash/subject.js'
import { random } from '../support/random.js'

/*
 * Random workloads, crashed at any call, in many ways, and crashed again while they recover. Whatever survives, the log
 * opens again to a dense prefix of what was accepted, byte for byte, with all that was acknowledged as durable (P1, P2),
 * whole `appendMany`s (P3), acknowledged in order (P4), without what was rejected on a full disk (P6); what was read
 * before is there (P12), and what is found stays, whatever happens next; a flipped bit is told, and never data (P7).
 */

const STATES = 20_000

test.serial('every crash state is survived', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const clock = freezeTime(t)
  const subject = await loadSubject()
  const { states, byKind, withLosses, failure } = await explore({ subject, clock, seed, states: STATES })
  if (failure !== undefined) {
    const { scenario } = failure
    return t.fail(describe(await shrink(subject, clock, failure), scenario.seed))
  }
  t.log(`${states} crash states: ${[...byKind].map(([kind, count]) => `${count} ${kind}`).join(', ')}`)
  t.log(`in ${withLosses} of them something was gone that nobody had been told was durable`)
  for (const kind of STATE_KINDS) t.true((byKind.get(kind) ?? 0) > STATES / 200, `${kind} was tried`)
  return t.true(withLosses > STATES / 20, 'crashes take what was not durable')
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
  const { seed } = failure.scenario
  const again = await explore({ subject, clock, seed, states: 1, profile })
  t.is(again.failure?.violation.message, failure.violation.message)
  t.deepEqual(again.failure?.crash, failure.crash)
  const shortest = await shrink(subject, clock, failure)
  t.true(shortest.scenario.operations.length <= 3, describe(shortest))
  return t.regex(describe(shortest, seed), new RegExp(`SLUICE_SEED=${seed};`))
})
