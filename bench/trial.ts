import { measure } from './closed-loop.js'
import { compareDelays } from './delay-trial.js'
import { DRIVERS } from './drivers/drivers.js'
import { fillEvents, openEvents, readEvents } from './event-trials.js'
import { appendEvents, growEvents } from './event-windows.js'
import { switchFigures } from './figures-trial.js'
import { appendUntilKilled, growLog, openOnce, scanOnce } from './log-trials.js'
import { measureOpenLoop } from './open-loop.js'
import { fillLog, readAll } from './reading-trial.js'
import { checkpointState, fillState, openState, parseState, setState } from './state-trials.js'
import type { PeakMemory, TrialResults, TrialSpec } from './trial-spec.js'
import { flushSessions, upsertSessions } from './write-behind-trial.js'

/*
 * One trial in a process of its own, so that no driver inherits another one's heap, compiled code or descriptors. The
 * spec comes as JSON; the result goes to the parent, or to stdout where there is none: so that a single trial can be run
 * under a profiler.
 */

const [, , json] = process.argv
if (json === undefined) throw new Error('usage: trial.js SPEC, where SPEC is a TrialSpec as JSON')
// Specs are made by the suites, or by whoever profiles a trial by hand.
const spec = JSON.parse(json) as TrialSpec

// Where the parent dies, there is nobody left to measure for.
process.on('disconnect', () => process.exit())
const result = await run()
if (process.send === undefined) console.log(JSON.stringify(result, undefined, 2))
// Two kinds of trials go on after their result.
else process.send(result, () => spec.kind !== 'append-until-killed' && spec.kind !== 'grow' && process.disconnect())

function run(): Promise<TrialResults[TrialSpec['kind']]> {
  switch (spec.kind) {
    case 'load':
      return load(spec)
    case 'open-loop':
      return openLoop(spec)
    case 'switch-figures':
      return switchFigures(spec)
    case 'compare-delays':
      return compareDelays(spec)
    case 'append-until-killed':
      return appendUntilKilled(spec)
    case 'grow':
      return growLog(spec)
    case 'scan':
      return scanOnce(spec)
    case 'open':
      return openOnce(spec)
    case 'fill':
      return fillLog(spec)
    case 'read':
      return readAll(spec)
    case 'append-events':
      return appendEvents(spec)
    case 'grow-events':
      return growEvents(spec)
    case 'fill-events':
      return fillEvents(spec)
    case 'open-events':
      return openEvents(spec)
    case 'read-events':
      return readEvents(spec)
    case 'set-state':
      return setState(spec)
    case 'fill-state':
      return fillState(spec)
    case 'open-state':
      return openState(spec)
    case 'parse-state':
      return Promise.resolve(parseState(spec))
    case 'checkpoint-state':
      return checkpointState(spec)
    case 'upsert-sessions':
      return upsertSessions(spec)
    case 'flush-sessions':
      return flushSessions()
  }
}

async function load(spec: TrialSpec & { kind: 'load' }) {
  const subject = await DRIVERS[spec.driver].open(spec)
  try {
    return { ...(await measure(subject, spec, spec, spec.lines)), ...peakMemory() }
  } finally {
    await subject.close()
  }
}

async function openLoop(spec: TrialSpec & { kind: 'open-loop' }) {
  const subject = await DRIVERS[spec.driver].open(spec)
  try {
    if (subject.kind === 'synchronous') throw new Error(`${spec.driver} has no open loop: it blocks for each append`)
    return { ...(await measureOpenLoop(subject, spec)), ...peakMemory() }
  } finally {
    await subject.close()
  }
}

function peakMemory(): PeakMemory {
  return { peakMemoryMiB: process.resourceUsage().maxRSS / 1024 }
}
