import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { driverOf } from './drivers/drivers.js'
import { describeMachine, isInMemory, type Machine } from './machine.js'
import { HELP, readSettings, type Settings, type SuiteName } from './settings.js'
import { appendMany } from './suites/append-many.js'
import { figuresCost } from './suites/figures-cost.js'
import { flushPolicies } from './suites/flush-policies.js'
import { installed } from './suites/installed.js'
import { largeRecords } from './suites/large-records.js'
import { openLoop } from './suites/open-loop.js'
import { openTime } from './suites/open-time.js'
import { reading } from './suites/reading.js'
import { recovery } from './suites/recovery.js'
import { type Figure, isReached, type Suite } from './suites/suite.js'
import { throughput } from './suites/throughput.js'
import { tuning } from './suites/tuning.js'
import { formatTable, shown } from './table.js'
import { Trials } from './trials.js'

const SUITES: Readonly<Record<SuiteName, Suite>> = {
  throughput,
  'append-many': appendMany,
  'large-records': largeRecords,
  'open-loop': openLoop,
  'flush-policies': flushPolicies,
  tuning,
  reading,
  'figures-cost': figuresCost,
  'open-time': openTime,
  recovery,
}

const asked = settingsOrExit()
const settings = { ...asked, drivers: installed(asked.drivers) }
const trials = new Trials(settings.directory)
for (const [signal, number] of [['SIGHUP', 1] as const, ['SIGINT', 2] as const, ['SIGTERM', 15] as const]) {
  process.on(signal, () => void trials.clear().finally(() => process.exit(128 + number)))
}

try {
  await bench(settings)
} finally {
  await trials.clear()
}

async function bench(settings: Settings): Promise<void> {
  const startedAt = performance.now()
  const machine = describeMachine(trials.directory)
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.kernel}, ${machine.fileSystem}; Node ${machine.node}`,
  )
  console.log(
    `${settings.recordBytes.join(', ')} bytes a record; ${settings.rounds} rounds of trials, each in its own process: ` +
      `${settings.seconds} s measured, once the driver is warm\n`,
  )
  if (isInMemory(machine))
    console.log('This folder lies in memory, where a sync costs nothing: choose another --directory.\n')

  console.log(describeDrivers(asked.drivers))

  const figures: Figure[] = []
  const data: Record<string, unknown> = {}
  for (const name of settings.only) {
    const report = await SUITES[name](trials, settings, (text) => progress(`${name}: ${text}`))
    progress('')
    console.log(report.text)
    figures.push(...report.figures)
    data[name] = report.data
  }
  console.log(verdict(figures))
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(0)} s in all`)
  if (settings.json !== undefined) writeJson(settings.json, machine, settings, data, figures)
}

/** What is compared, and what each acknowledgement promises; says aloud which driver can't run here. */
function describeDrivers(names: Settings['drivers']): string {
  const rows = names.flatMap((name) => {
    const { description, promise, whyMissing } = driverOf(name)
    const missing = whyMissing?.()
    if (missing !== undefined) return [[`NOT MEASURED: ${name}: ${missing}`]]
    return [[`${name}${promise.isP1 ? '' : ' *'}: ${description}`], [`    promises: ${promise.text}`]]
  })
  const lines = rows.map(([text]) => `  ${text}`)
  return ['Drivers; those marked * promise less than P1', '', ...lines, ''].join('\n')
}

function verdict(figures: readonly Figure[]): string {
  const rows = figures
    // A figure of a concurrency that was not asked for.
    .filter((figure) => !Number.isNaN(figure.reached))
    .map((figure) => [
      figure.name,
      `${shown(figure.reached)} ${figure.unit}`,
      `${figure.bound} ${shown(figure.wanted)} ${figure.unit}`,
      isReached(figure) ? 'yes' : 'no',
    ])
  return formatTable('What was wanted', ['figure', 'reached', 'wanted', ''], rows, '')
}

function writeJson(
  file: string,
  machine: Machine,
  settings: Settings,
  suites: Record<string, unknown>,
  figures: readonly Figure[],
): void {
  mkdirSync(dirname(file), { recursive: true })
  const verdicts = figures.map((figure) => ({ ...figure, isReached: isReached(figure) }))
  const { directory: _, json: __, ...asked } = settings
  writeFileSync(file, `${JSON.stringify({ machine, settings: asked, suites, figures: verdicts }, undefined, 2)}\n`)
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`)
}

function settingsOrExit(): Settings {
  try {
    const read = readSettings(process.argv.slice(2))
    if (read !== undefined) return read
    console.log(HELP)
    process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
    process.exit(2)
  }
}
