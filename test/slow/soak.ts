/**
 * `npm run test:soak -- [--minutes 10] [--seed S]`: producers, readers, followers in this process and in others, trims and
 * reopenings, all at once for long. Every record is checked by several readers, and what the process takes up must stay
 * flat. It ends in a table; the exit code is 1 where anything is wrong. Ctrl-C ends it early, with the table.
 */
import { counted, figureTable } from '../support/figure-table.js'
import { ProgressLine } from '../support/progress-line.js'
import { random } from '../support/random.js'
import { numberArguments } from '../support/slow-arguments.js'
import { BOUNDS, type Verdict } from '../support/soak/judgement.js'
import { missingProc } from '../support/soak/resources.js'
import { type SoakResult, soak } from '../support/soak/soak.js'
import { ScriptTeardown } from '../support/teardown.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MIB = 2 ** 20

const missing = missingProc()
if (missing !== undefined) {
  console.error(`The soak can't be run here: ${missing}`)
  process.exit(2)
}
const { minutes = 10, seed } = numberArguments(['minutes', 'seed'])
const numbers = seed === undefined ? random() : random(seed)
console.log(`soak: ${minutes} minutes, seed ${numbers.seed}`)
const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort())
process.once('SIGTERM', () => interruption.abort())
const teardown = new ScriptTeardown()
const progress = new ProgressLine()
let failed = true
try {
  const result = await soak(teardown, {
    directory: temporaryDirectory(teardown),
    durationMs: minutes * 60_000,
    numbers,
    signal: interruption.signal,
    onSample({ ledger, violations }, elapsedMs, { rss, descriptors }) {
      const records = `${counted(ledger.acknowledged)} acknowledged, ${violations.length} violations`
      progress.show(
        `${counted(elapsedMs / 1000)} of ${counted(minutes * 60)} s: ${records}, ${inMib(rss)} MiB, ${descriptors} descriptors`,
      )
    },
  })
  progress.clear()
  failed = show(result)
} catch (error) {
  progress.clear()
  console.error(`The soak broke off (seed ${numbers.seed}):`, error)
} finally {
  await teardown.run()
}
process.exitCode = failed ? 1 : 0

/** Prints the tables; returns whether anything is wrong. */
function show({ state, elapsedMs, samples, verdicts }: SoakResult): boolean {
  const { counts, ledger, violations } = state
  const rows: (readonly [string, number | string])[] = [
    ['seconds', elapsedMs / 1000],
    ['records acknowledged', ledger.acknowledged],
    ['MiB acknowledged', counts.bytes / MIB],
    ['records followed and checked', counts.followed],
    ['random gets checked', counts.gets],
    ['records of short reads checked', counts.recordsRead],
    ['followers that ended', counts.followersEnded],
    ['readers that a trim overtook', counts.followersTrimmed],
    ['appends given up while waiting for room', counts.aborted],
    ['appends refused for want of room', counts.queueFull],
    ['appends refused by close', counts.refusedByClose],
    ['most appends seen waiting', counts.waitingMost],
    ['rotations', counts.rotations],
    ['trims', counts.trims],
    ['closed and reopened', counts.reopened],
    ['violations (lost, doubled, changed, …)', violations.length],
    ['seed', String(numbers.seed)],
  ]
  console.log(
    `\n${figureTable(rows.map(([name, figure]) => [name, typeof figure === 'number' ? counted(figure) : figure]))}`,
  )
  console.log(
    `\n${verdicts === undefined ? 'too short to judge whether resources stay flat' : resourceTable(verdicts)}`,
  )
  for (const violation of violations) console.log(`VIOLATION: ${violation}`)
  const grown = verdicts?.filter(({ ok }) => !ok) ?? []
  for (const { name } of grown) console.log(`NOT FLAT: ${name}, which may vary as ${BOUNDS[name].reason}`)
  const failed = violations.length > 0 || grown.length > 0
  console.log(`\n${failed ? 'FAILED' : 'passed'} (${samples.length} samples, seed ${numbers.seed})`)
  return failed
}

function resourceTable(verdicts: readonly Verdict[]): string {
  const head = ['median of', 'first third', 'last third', 'may grow by', 'highest', '']
  return figureTable([
    head,
    ...verdicts.map(({ name, first, last, growth, highest, ok }) => {
      const isCount = /descriptors|threads/i.test(name)
      const cells = [first, last, growth, highest].map((value) => (isCount ? `${value}` : `${inMib(value)} MiB`))
      return [name, ...cells, ok ? 'flat' : 'GROWS']
    }),
  ])
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
