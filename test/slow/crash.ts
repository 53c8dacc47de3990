/*
 * A million crash states: `npm run test:crash -- [--states N] [--seed S] [--processes P]`. Ends in a table of what was
 * tried; exits with 1 where a state was not survived, with the shortest trace that still fails.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { table } from '../../src/cli/table.js'
import { type Explored, explore } from '../support/crash/explorer.js'
import { freezeTime } from '../support/crash/frozen-clock.js'
import { trace } from '../support/crash/shrink.js'
import { loadSubject } from '../support/crash/subject.js'
import { random } from '../support/random.js'

type Counts = readonly (readonly [name: string, count: number])[]

interface Result {
  readonly states: number
  readonly withLosses: number
  readonly byKind: Counts
  readonly workloads: Counts
  readonly policies: Counts
  readonly failure: string | undefined
}

/** What a process that explores tells the one that started it. */
type Message =
  | { readonly kind: 'progress'; readonly states: number }
  | { readonly kind: 'result'; readonly result: Result }

/** Each process has seeds of its own: far more than it has workloads. */
const SEEDS_A_PROCESS = 100_000_000

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    child: { type: 'boolean', default: false },
  },
})
const states = wholeNumber('states', values.states)
const seed = values.seed === undefined ? random().seed : wholeNumber('seed', values.seed)

if (values.child) await runChild()
else process.exitCode = await runAll(wholeNumber('processes', values.processes))

function wholeNumber(name: string, value: string): number {
  const number = Number(value)
  if (value.trim() !== '' && Number.isSafeInteger(number) && number >= (name === 'seed' ? 0 : 1)) return number
  throw new Error(`--${name} must be a whole number, not ${value}`)
}

async function runChild(): Promise<void> {
  const clock = freezeTime({ teardown: () => {} }) // Time stands still as long as this process lives.
  const subject = await loadSubject()
  let told = 0
  const progress = (done: number): void => {
    if (done - told < 1000) return
    told = done
    process.send?.({ kind: 'progress', states: done } satisfies Message)
  }
  const explored: Explored = await explore({ subject, clock, seed, states, progress })
  const { failure } = explored
  const result: Result = {
    states: explored.states,
    withLosses: explored.withLosses,
    byKind: [...explored.byKind],
    workloads: [...explored.workloads],
    policies: [...explored.policies],
    failure: failure && (await trace(subject, clock, failure)),
  }
  process.send?.({ kind: 'result', result } satisfies Message, () => process.disconnect())
}

async function runAll(processes: number): Promise<number> {
  const began = performance.now()
  const done: number[] = []
  const children: ChildProcess[] = []
  const runs = Array.from({ length: processes }, (_, index) => {
    const { child, result } = start(seed + index * SEEDS_A_PROCESS, Math.ceil(states / processes), (count) => {
      done[index] = count
      if (process.stderr.isTTY) process.stderr.write(`\r${sum(done)} of ${states} crash states`)
    })
    children.push(child)
    // One that failed ends the others: what they would find is not worth the wait.
    return result.then((told) => {
      if (told.failure !== undefined) for (const other of children) if (other !== child) other.kill()
      return told
    })
  })
  const settled = await Promise.allSettled(runs)
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  const results = settled.flatMap((run) => (run.status === 'fulfilled' ? [run.value] : []))
  const failures = results.flatMap(({ failure }) => failure ?? [])
  print(results, (performance.now() - began) / 1000)
  for (const failure of failures) console.log(`\nnot survived: ${failure}`)
  if (failures.length > 0) return 1
  for (const run of settled) if (run.status === 'rejected') console.log(String(run.reason))
  return results.length === processes ? 0 : 1
}

function start(
  childSeed: number,
  childStates: number,
  progress: (states: number) => void,
): { child: ChildProcess; result: Promise<Result> } {
  const child = fork(fileURLToPath(import.meta.url), [
    '--child',
    `--seed=${childSeed}`,
    `--states=${childStates}`,
    '--processes=1',
  ])
  const result = new Promise<Result>((resolve, reject) => {
    child.on('message', (message: Message) => {
      if (message.kind === 'progress') progress(message.states)
      else resolve(message.result)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => reject(new Error(`a process ended early, with ${signal ?? code}`)))
  })
  return { child, result }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

function print(results: readonly Result[], seconds: number): void {
  const rows = [
    ...rowsOf('states by kind', results, (result) => result.byKind),
    ...rowsOf('workloads', results, (result) => result.workloads),
    ...rowsOf('flush policies', results, (result) => result.policies),
  ]
  const tried = sum(results.map((result) => result.states))
  const failed = results.filter(({ failure }) => failure !== undefined).length
  rows.push(['crash states', 'in all', String(tried)], ['', 'survived', String(tried - failed)])
  rows.push(['', 'with something lost that was not durable', String(sum(results.map(({ withLosses }) => withLosses)))])
  rows.push(['seed', '', String(seed)], ['seconds', '', seconds.toFixed(0)])
  const columns = [
    { heading: '', align: 'left' },
    { heading: '', align: 'left' },
    { heading: '', align: 'right' },
  ] as const
  console.log(table(columns, rows).slice(1).join('\n'))
}

function rowsOf(heading: string, results: readonly Result[], countsOf: (result: Result) => Counts): string[][] {
  const totals = new Map<string, number>()
  for (const [name, count] of results.flatMap(countsOf)) totals.set(name, (totals.get(name) ?? 0) + count)
  const sorted = [...totals].sort(([, one], [, other]) => other - one)
  return sorted.map(([name, count], index) => [index === 0 ? heading : '', name, String(count)])
}
