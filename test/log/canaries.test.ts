import test from 'ava'
import { hatch } from '../support/crash/canary.js'
import { CANARIES } from '../support/crash/canary-list.js'
import { explore } from '../support/crash/explorer.js'
import { freezeTime } from '../support/crash/frozen-clock.js'
import { PROFILES } from '../support/crash/profiles.js'
import { loadSubject } from '../support/crash/subject.js'
import { random } from '../support/random.js'

/*
 * What shows that the crash explorer can fail: each canary is the log with one fault in its durability path, and each has
 * to be caught within a bounded number of crash states. The log itself passes the same workloads: here those that the
 * crash explorer doesn't draw for it.
 */

const STATES_MAX = 15_000
const STATES_WITHOUT_FAULT = 100

const { seed } = random()

test.before((t) => t.log(`SLUICE_SEED=${seed}`))

for (const canary of CANARIES) {
  test.serial(`a canary is caught: ${canary.name}`, async (t) => {
    const clock = freezeTime(t)
    const { subject, remove } = await hatch(canary)
    t.teardown(remove)
    const { states, failure } = await explore({ subject, clock, seed, states: STATES_MAX, profile: canary.profile })
    if (failure === undefined) return t.fail(`it survived ${states} crash states, SLUICE_SEED=${seed}`)
    t.log(`caught at crash state ${states}: ${failure.violation.message.split('\n')[0]}`)
    return t.pass()
  })
}

test.serial('the log without a fault survives the workloads that catch the canaries', async (t) => {
  const clock = freezeTime(t)
  const subject = await loadSubject()
  const own = new Set(CANARIES.map((canary) => canary.profile).filter((profile) => !PROFILES.includes(profile)))
  t.true(own.size > 0)
  for (const profile of own) {
    const { failure } = await explore({ subject, clock, seed, states: STATES_WITHOUT_FAULT, profile })
    if (failure !== undefined) t.fail(`${profile.name}, SLUICE_SEED=${seed}: ${failure.violation.message}`)
  }
})
