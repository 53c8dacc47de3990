import type { DriverSetting } from './drivers/driver.js'
import type { DriverName } from './drivers/drivers.js'
import type { PeakMemory, TrialResults, TrialSpec } from './trial-spec.js'

/*
 * One trial in a process of its own, so that no driver inherits another one's heap, compiled code or descriptors. The
 * spec comes as JSON; the result goes to the parent, or to stdout where there is none: so that a single trial can be run
 * under a profiler. Only what a trial needs is loaded.
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

async function run(): Promise<TrialResults[TrialSpec['kind']]> {
  switch (spec.kind) {
    case 'load':
      return load(spec)
    case 'open-loop':
      return openLoop(spec)
    case 'switch-figures':
      return (await import('./figures-trial.js')).switchFigures(spec)
    case 'compare-delays':
      return (await import('./delay-trial.js')).compareDelays(spec)
    case 'append-until-killed':
      return (await import('./log-trials.js')).appendUntilKilled(spec)
    case 'grow':
      return (await import('./log-trials.js')).growLog(spec)
    case 'scan':
      return (await import('./log-trials.js')).scanOnce(spec)
    case 'open':
      return (await import('./log-trials.js')).openOnce(spec)
    case 'fill':
      return (await import('./reading-trial.js')).fillLog(spec)
    case 'read':
      return (await import('./reading-trial.js')).readAll(spec)
    case 'append-events':
      return (await import('./event-windows.js')).appendEvents(spec)
    case 'grow-events':
      return (await import('./event-windows.js')).growEvents(spec)
    case 'fill-events':
      return (await import('./event-trials.js')).fillEvents(spec)
    case 'open-events':
      return (await import('./event-trials.js')).openEvents(spec)
    case 'read-events':
      return (await import('./event-trials.js')).readEvents(spec)
    case 'set-state':
      return (await import('./state-trials.js')).setState(spec)
    case 'fill-state':
      return (await import('./state-trials.js')).fillState(spec)
    case 'open-state':
      return (await import('./state-trials.js')).openState(spec)
    case 'parse-state':
      return (await import('./state-trials.js')).parseState(spec)
    case 'checkpoint-state':
      return (await import('./state-trials.js')).checkpointState(spec)
    case 'upsert-sessions':
      return (await import('./write-behind-trial.js')).upsertSessions(spec)
    case 'flush-sessions':
      return (await import('./write-behind-trial.js')).flushSessions()
  }
}

async function open(spec: DriverSetting & { readonly driver: DriverName }) {
  const { DRIVERS } = await import('./drivers/drivers.js')
  return DRIVERS[spec.driver].open(spec)
}

async function load(spec: TrialSpec & { kind: 'load' }) {
  const [subject, { measure }] = await Promise.all([open(spec), import('./closed-loop.js')])
  try {
    return { ...(await measure(subject, spec, spec, spec.lines)), ...peakMemory() }
  } finally {
    await subject.close()
  }
}

async function openLoop(spec: TrialSpec & { kind: 'open-loop' }) {
  const [subject, { measureOpenLoop }] = await Promise.all([open(spec), import('./open-loop.js')])
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
