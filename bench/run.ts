import { calibrate } from './calibration.js'
import { Distributions } from './distributions.js'
import { DRIVER_NAMES, type DriverName, driverOf } from './drivers/drivers.js'
import { describeLines, type LineSource, linesOf, randomSeed } from './lines.js'
import { describeMachine, type Machine } from './machine.js'
import type { Progress } from './progress.js'
import { type Results, tellingSettings } from './results.js'
import type { Settings } from './settings.js'
import type { Bench } from './suites/suite.js'
import type { SuiteName } from './suites/suite-names.js'
import { emptyRows, suiteNamed } from './suites/suites.js'
import type { Trials } from './trials.js'
import { versionsHere } from './versions.js'

/**
 * One run of the benchmark. A round measures every suite once: whenever it is interrupted, all suites have as many rounds,
 * but for the last.
 */
export class BenchRun {
  readonly machine: Machine
  readonly missing: Readonly<Record<string, string>>
  readonly distributions = new Distributions()
  readonly #trials: Trials
  readonly #settings: Settings
  readonly #progress: Progress
  readonly #startedAt = new Date()
  readonly #suites = emptyRows()
  readonly #lines: LineSource
  readonly #versions = versionsHere()
  #fsyncs = { threads: 0, inFlight: 1 }
  #roundsDone = 0
  #linesText: string | undefined

  constructor(trials: Trials, settings: Settings, progress: Progress) {
    this.#trials = trials
    this.#settings = settings
    this.#progress = progress
    this.machine = describeMachine(trials.directory)
    this.missing = missingHere()
    this.#lines =
      settings.log === undefined
        ? { kind: 'seed', seed: settings.seed ?? randomSeed() }
        : { kind: 'file', path: settings.log }
  }

  /** Measures, and calls `keep` after each round of a suite. */
  async measure(keep: () => void): Promise<void> {
    const settings = this.#installedOnly()
    this.#progress.stage('getting ready')
    this.#fsyncs = await calibrate(this.#trials, settings, (text) => this.#progress.show(text))
    const bench: Bench = {
      trials: this.#trials,
      settings,
      lines: this.#lines,
      fsyncsInFlight: this.#fsyncs.inFlight,
      distributions: this.distributions,
      takesPart: (driver) => this.#isInstalled(driver) && this.#isAsked(driver),
      progress: (text) => this.#progress.show(text),
    }
    for (let round = 1; round <= settings.rounds; round += 1) {
      for (const name of settings.only) {
        await this.#measureSuite(bench, name, round)
        keep()
      }
      this.#roundsDone = round
      keep()
    }
    this.#progress.clear()
  }

  async #measureSuite(bench: Bench, name: SuiteName, round: number): Promise<void> {
    const suite = suiteNamed(name)
    const rounds = Math.min(bench.settings.rounds, suite.roundsMax)
    if (round > rounds) return
    this.#progress.stage(`round ${round} of ${rounds}: ${name}`)
    // Rows of that suite: it makes them.
    const rows = this.#suites[name] as object[]
    await suite.measure(bench, round, (row) => rows.push(row))
  }

  /** What there is by now. */
  results(): Results {
    return {
      startedAt: this.#startedAt.toISOString(),
      durationSeconds: Math.round(this.#progress.seconds),
      roundsDone: this.#roundsDone,
      machine: this.machine,
      versions: this.#versions,
      settings: tellingSettings(this.#settings),
      missing: this.missing,
      lines: this.#describedLines(),
      fsyncs: this.#fsyncs,
      suites: this.#suites,
      distributions: this.distributions.rows(),
    }
  }

  /** Made once: results are asked for after every suite, and making the lines takes as long as a short trial. */
  #describedLines(): string {
    this.#linesText ??= describeLines(this.#lines, linesOf(this.#lines))
    return this.#linesText
  }

  #isInstalled(driver: DriverName): boolean {
    return this.missing[driver] === undefined
  }

  #isAsked(driver: DriverName): boolean {
    const { asked } = this.#settings
    return asked === undefined || asked.includes(driver) || driver === 'sluice' || driverOf(driver).role === 'limit'
  }

  #installedOnly(): Settings {
    const installed = (names: readonly DriverName[]) => names.filter((name) => this.#isInstalled(name))
    const { drivers, slowerDrivers, sizeDrivers } = this.#settings
    return {
      ...this.#settings,
      drivers: installed(drivers),
      slowerDrivers: installed(slowerDrivers),
      sizeDrivers: installed(sizeDrivers),
    }
  }
}

function missingHere(): Record<string, string> {
  return Object.fromEntries(
    DRIVER_NAMES.flatMap((name) => {
      const missing = driverOf(name).whyMissing?.()
      return missing === undefined ? [] : [[name, missing]]
    }),
  )
}
