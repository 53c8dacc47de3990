import { isInMemory } from './machine.js'
import { Progress } from './progress.js'
import { writeDocs, writeFiles } from './report/files.js'
import { terminalText } from './report/terminal-page.js'
import { BenchRun } from './run.js'
import { HELP, readSettings, type Settings } from './settings.js'
import { Trials } from './trials.js'

const settings = settingsOrExit()
const trials = new Trials(settings.directory)
const progress = new Progress()
const run = new BenchRun(trials, settings, progress)
/** Ends once the process does. */
let interruption: Promise<never> | undefined
for (const [signal, number] of [['SIGHUP', 1] as const, ['SIGINT', 2] as const, ['SIGTERM', 15] as const]) {
  process.on(signal, () => {
    if (interruption !== undefined) return
    progress.clear()
    // What was measured since the last round ended is kept, too.
    keep()
    console.log(terminalText(run.results()))
    interruption ??= trials.clear().then(() => process.exit(128 + number))
  })
}

try {
  if (isInMemory(run.machine)) {
    console.log('This folder lies in memory, where a sync costs nothing: choose another --directory.\n')
  }
  for (const [driver, why] of Object.entries(run.missing)) console.log(`NOT MEASURED: ${driver}: ${why}`)
  await run.measure(keep)
  const results = run.results()
  console.log(terminalText(results))
  if (settings.docs) writeDocs(results)
} catch (error) {
  // A trial that an interruption ended has no result, and is nobody's fault.
  if (interruption === undefined) throw error
  await interruption
} finally {
  await trials.clear()
}

function keep(): void {
  const { json, html, hgrm } = settings
  writeFiles(run.results(), { json, html })
  if (hgrm !== undefined) run.distributions.write(hgrm)
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
