/**
 * `node dist/test/slow/crash-processes.js [--rounds 500] [--seed S]`: processes append under every flush policy, rotate and
 * trim, and are killed by SIGKILL at random moments, also while they recover what the one before them left. After each round
 * the log must have everything that was acknowledged, byte for byte. It ends in a table; the exit code is 1 on any loss.
 */
import { counted, figureTable } from '../support/figure-table.js'
import { KillTrial } from '../support/kill-trial.js'
import { ProgressLine } from '../support/progress-line.js'
import { random } from '../support/random.js'
import { numberArguments } from '../support/slow-arguments.js'
import { ScriptTeardown } from '../support/teardown.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Small ones, so that each process rotates and trims; and now and then some that are prepared ahead. */
const SEGMENT_BYTES = [256 * 1024, 256 * 1024, 256 * 1024, 1024 * 1024] as const
/** Then a new log is begun. */
const ROUNDS_PER_LOG = 25

const { rounds = 500, seed } = numberArguments(['rounds', 'seed'])
const numbers = seed === undefined ? random() : random(seed)
console.log(`crash-processes: ${rounds} rounds, seed ${numbers.seed}`)
const trials: KillTrial[] = []
const problems: string[] = []
const progress = new ProgressLine()
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interrupted = true
  })
}

for (let left = rounds; left > 0 && problems.length === 0 && !interrupted; left -= ROUNDS_PER_LOG) {
  await oneLog(Math.min(left, ROUNDS_PER_LOG))
}
progress.clear()
show()
process.exitCode = problems.length > 0 ? 1 : 0

async function oneLog(rounds: number): Promise<void> {
  const teardown = new ScriptTeardown()
  const segmentBytes = SEGMENT_BYTES[trials.length % SEGMENT_BYTES.length] ?? SEGMENT_BYTES[0]
  const trial = new KillTrial(teardown, temporaryDirectory(teardown), numbers, segmentBytes)
  trials.push(trial)
  try {
    for (let round = 0; round < rounds && problems.length === 0 && !interrupted; round++) {
      const found = await trial.round()
      // A terminal interrupts the other processes too: what they end with then is not to be judged.
      if (!interrupted) problems.push(...found)
      progress.show(`${sum('rounds')} rounds, ${counted(sum('acknowledged'))} acknowledged, ${sum('lost')} lost`)
    }
  } catch (error) {
    if (!interrupted) problems.push(String(error))
  } finally {
    await teardown.run()
  }
}

function sum(name: keyof KillTrial['figures']): number {
  return trials.reduce((total, { figures }) => total + figures[name], 0)
}

function show(): void {
  const rows: (readonly [string, string])[] = [
    ['rounds', counted(sum('rounds'))],
    ['processes killed', counted(sum('kills'))],
    ['of them while opening, and recovering', counted(sum('killsWhileOpening'))],
    ['appends acknowledged', counted(sum('acknowledged'))],
    ['records recovered', counted(sum('recovered'))],
    ['of them written anew by the last recovery', counted(sum('rewritten'))],
    ['segments being prepared when killed', counted(sum('prepared'))],
    ['LSNs trimmed away', counted(trials.reduce((total, { figures }) => total + Math.max(0, figures.firstLsn - 1), 0))],
    ['torn tails found', counted(sum('torn'))],
    ['lost', counted(sum('lost'))],
    ['seed', String(numbers.seed)],
  ]
  console.log(`\n${figureTable(rows)}`)
  for (const problem of problems) console.log(`PROBLEM: ${problem}`)
  console.log(problems.length > 0 ? '\nFAILED' : interrupted ? '\ninterrupted, passed so far' : '\npassed')
}
