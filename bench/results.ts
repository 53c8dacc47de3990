import { readFileSync } from 'node:fs'
import { type Distribution, PERCENTILES } from './distributions.js'
import { DRIVER_NAMES, driverOf } from './drivers/drivers.js'
import type { Machine } from './machine.js'
import type { Settings } from './settings.js'
import { isMeasured, isReached } from './suites/suite.js'
import { SUITE_NAMES } from './suites/suite-names.js'
import { emptyRows, figuresOf, type SuiteRows } from './suites/suites.js'

const FORMAT = 1
const DIGITS = 5

/** What a run was asked for, as far as it says anything elsewhere. */
export type TellingSettings = Pick<
  Settings,
  'form' | 'only' | 'drivers' | 'slowerDrivers' | 'concurrency' | 'recordBytes' | 'rates' | 'seconds' | 'rounds'
> & {
  /** Where warming up was cut short. */
  readonly warmUpSecondsMax?: number
}

export function tellingSettings(settings: Settings): TellingSettings {
  const { form, only, drivers, slowerDrivers, concurrency, recordBytes, rates, seconds, rounds } = settings
  const { warmUpSecondsMax } = settings
  return {
    ...{ form, only, drivers, slowerDrivers, concurrency, recordBytes, rates, seconds, rounds },
    ...(Number.isFinite(warmUpSecondsMax) ? { warmUpSecondsMax } : {}),
  }
}

/** All that a run measured, and where: everything that is shown is made from it. */
export interface Results {
  readonly startedAt: string
  readonly durationSeconds: number
  /** Rounds that were measured to their end: fewer than asked for where the run was interrupted. */
  readonly roundsDone: number
  readonly machine: Machine
  /** Of sluice, the peers and the servers, by name. */
  readonly versions: Readonly<Record<string, string>>
  readonly settings: TellingSettings
  /** Why a driver was not measured, by its name. */
  readonly missing: Readonly<Record<string, string>>
  /** What was replayed. */
  readonly lines: string
  readonly fsyncs: { readonly threads: number; readonly inFlight: number }
  readonly suites: SuiteRows
  readonly distributions: readonly Distribution[]
}

/** Rows of the same keys, which are told once. */
interface Columns {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** The text of a JSON file: a line for each trial, five significant digits. */
export function writeResults(results: Results): string {
  const { suites, distributions, ...about } = results
  const drivers = DRIVER_NAMES.map((name) => {
    const { role, description, promise, preparation } = driverOf(name)
    return { name, role, description, promise: promise.text, isP1: promise.isP1, preparation }
  })
  const figures = figuresOf(suites).map((figure) => ({
    ...figure,
    isReached: isMeasured(figure) ? isReached(figure) : undefined,
  }))
  const tables = SUITE_NAMES.map((name) => `    ${JSON.stringify(name)}: ${columnsText(suites[name], '    ')}`)
  return [
    '{',
    `  "format": ${FORMAT},`,
    ...Object.entries(about).map(([name, value]) => `  ${JSON.stringify(name)}: ${text(value)},`),
    `  "drivers": ${columnsText(drivers, '  ')},`,
    `  "figures": ${columnsText(figures, '  ')},`,
    '  "suites": {',
    tables.join(',\n'),
    '  },',
    `  "percentiles": ${text(PERCENTILES)},`,
    `  "distributions": ${columnsText(distributions, '  ')}`,
    '}',
    '',
  ].join('\n')
}

export function readResults(file: string): Results {
  // Written by writeResults, or refused here.
  const read = JSON.parse(readFileSync(file, 'utf8')) as Omit<Results, 'suites' | 'distributions'> & {
    readonly format: number
    readonly suites: Readonly<Record<string, Columns>>
    readonly distributions: Columns
  }
  if (read.format !== FORMAT) throw new Error(`${file} has format ${read.format}; ${FORMAT} is what can be read`)
  const suites = emptyRows()
  for (const name of SUITE_NAMES) {
    const columns = read.suites[name]
    // Rows of that suite: it made them.
    if (columns !== undefined) (suites[name] as object[]).push(...objectsOf(columns))
  }
  const { startedAt, durationSeconds, roundsDone, machine, versions, settings, missing, lines, fsyncs } = read
  return {
    ...{ startedAt, durationSeconds, roundsDone, machine, versions, settings, missing, lines, fsyncs },
    suites,
    // Its columns are those of a distribution.
    distributions: objectsOf(read.distributions) as unknown as readonly Distribution[],
  }
}

function columnsText(objects: readonly object[], indent: string): string {
  const columns = [...new Set(objects.flatMap((object) => Object.keys(object)))]
  const rows = objects.map((object) => {
    const values = new Map<string, unknown>(Object.entries(object))
    return `${indent}    ${text(columns.map((column) => values.get(column)))}`
  })
  const body = rows.length === 0 ? '[]' : `[\n${rows.join(',\n')}\n${indent}  ]`
  return `{\n${indent}  "columns": ${text(columns)},\n${indent}  "rows": ${body}\n${indent}}`
}

/** What is missing is null, as is NaN. */
function objectsOf({ columns, rows }: Columns): object[] {
  return rows.map((row) =>
    Object.fromEntries(columns.flatMap((column, index) => (row[index] === null ? [] : [[column, row[index]]]))),
  )
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(DIGITS)) : part,
  )
}
