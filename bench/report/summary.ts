import { DRIVER_NAMES, driverOf } from '../drivers/drivers.js'
import type { Results } from '../results.js'
import { spreadOf } from '../statistics.js'
import { type Figure, isMeasured, isReached } from '../suites/suite.js'
import { figuresOf } from '../suites/suites.js'
import { shown, type Table } from '../table.js'

/** Those lines of the summary that say why to doubt it. */
export const DOUBTS = /^(NOT MEASURED|NOT WARM|INTERRUPTED)/

/** Where, when and with what it was measured, in a few lines. */
export function aboutLines(results: Results): readonly string[] {
  const { machine, settings, versions, fsyncs } = results
  const minutes = (results.durationSeconds / 60).toFixed(1)
  const isWhole = results.roundsDone >= settings.rounds
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.kernel}; ${machine.fileSystem}; Node ${machine.node}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    `The ${settings.form} form, begun ${results.startedAt}, ${minutes} minutes: ${settings.rounds} ${settings.rounds === 1 ? 'round' : 'rounds'} (fewer in some suites), ${settings.seconds} s measured in each trial, a process of its own, once the driver is warm`,
    ...(settings.warmUpSecondsMax === undefined
      ? []
      : [`NOT WARM: every driver had ${settings.warmUpSecondsMax} s at most to warm up; sluice needs 3`]),
    ...othersLine(results),
    ...(isWhole ? [] : [`INTERRUPTED: ${results.roundsDone} of ${settings.rounds} rounds were measured to their end`]),
    ...(fsyncs.threads === 0 ? [] : [`fsync-per-append: ${fsyncs.inFlight} at once on ${fsyncs.threads} threads`]),
    ...(results.suites.replay.length === 0 ? [] : [`Replayed: ${results.lines}`]),
    ...Object.entries(results.missing).map(([driver, why]) => `NOT MEASURED: ${driver}: ${why}`),
  ]
}

/** How quiet the machine was: what is measured beside something else means little. */
function othersLine({ suites }: Results): readonly string[] {
  const loads = [...suites.throughput, ...suites.sizes, ...suites['append-many'], ...suites.replay]
  const alone = loads.filter(({ driver }) => driverOf(driver).role !== 'server')
  if (alone.length === 0) return []
  const { median, max } = spreadOf(alone.map(({ othersCpuShare }) => othersCpuShare * 100))
  return [
    `Other processes took ${shown(median)} % of the processors in the median of the trials without a server, ${shown(max)} % in the worst`,
  ]
}

/** What is compared, how it is set up, and what each acknowledgement promises. */
export function driversTable(results: Results): Table {
  const measured = DRIVER_NAMES.filter((name) => results.missing[name] === undefined)
  return {
    title: 'What is compared',
    head: ['driver', 'what it does', 'its acknowledgement promises', 'P1', 'zero-filling ahead'],
    rows: measured.map((name) => {
      const { role, description, promise, preparation } = driverOf(name)
      const answer = promise.isP1 ? 'yes' : 'no'
      return [name, `${role === 'server' ? 'server: ' : ''}${description}`, promise.text, answer, preparation]
    }),
    notes: ['P1: an acknowledged record, and the directory entries that lead to it, survive a power cut.'],
  }
}

export function verdictTable(results: Results): Table {
  const rows = figuresOf(results.suites).map((figure) => {
    const { name, from, to, unit, bound, wanted } = figure
    const isTold = isMeasured(figure)
    return [
      name,
      isTold ? `${clearlyShown(figure)} ${unit}` : 'not measured',
      isTold ? `${shown(from)} to ${shown(to)}` : '–',
      `${bound} ${shown(wanted)} ${unit}`,
      isTold ? (isReached(figure) ? 'yes' : 'NO') : '–',
    ]
  })
  return {
    title: 'What was wanted',
    head: ['figure', 'reached', 'in the rounds', 'wanted', 'reached?'],
    rows,
    notes: [
      'Ratios compare trials of one round; the median of the rounds counts. The best peer is the one with the best median, embedded or server, whose acknowledged records survive a power cut. One that tears no records keeps each whole or not at all, as a log and a database do; what is written by lines (sonic-boom, appendFile) may end in a part of one.',
      'Zero-filling ahead: sluice inside the clock, device outside the clock, device-preparing inside the clock, device-growing and all peers do none.',
    ],
  }
}

/** With as many digits as it takes to see that a bound was missed, where it was. */
function clearlyShown(figure: Figure): string {
  const { reached, wanted } = figure
  const isClose = shown(reached) === shown(wanted) && !isReached(figure)
  return isClose ? String(Number(reached.toPrecision(5))) : shown(reached)
}
