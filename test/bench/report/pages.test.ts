import { readFileSync, statSync } from 'node:fs'
import test from 'ava'
import { benchmarksPage } from '../../../bench/report/benchmarks-page.js'
import { chartsOf } from '../../../bench/report/charts.js'
import { BENCHMARKS_PAGE, RESULTS_OF_RECORD } from '../../../bench/report/files.js'
import { htmlPage } from '../../../bench/report/html-page.js'
import { logScale, percentileScale, short, tickedLogScale } from '../../../bench/report/scale.js'
import { driversTable, verdictTable } from '../../../bench/report/summary.js'
import { element } from '../../../bench/report/svg.js'
import { terminalText } from '../../../bench/report/terminal-page.js'
import { readResults } from '../../../bench/results.js'
import { SUITE_NAMES } from '../../../bench/suites/suite-names.js'
import { emptyRows, suiteNamed } from '../../../bench/suites/suites.js'
import { madeResults, madeTrial } from '../made-results.js'

test('docs/BENCHMARKS.md is what the results of record say', (t) => {
  t.true(statSync(RESULTS_OF_RECORD).size < 300_000)
  t.is(readFileSync(BENCHMARKS_PAGE, 'utf8'), benchmarksPage(readResults(RESULTS_OF_RECORD)))
})

test('every table says whether preparing segments falls inside the clock', (t) => {
  const results = madeResults()
  for (const name of SUITE_NAMES) {
    const tables = suiteNamed(name).tables(results.suites[name])
    t.true(tables.length > 0, name)
    for (const { title, notes } of tables) t.regex(notes.join('\n'), /^Zero-filling ahead/m, `${name}: ${title}`)
  }
  t.regex(verdictTable(results).notes.join('\n'), /^Zero-filling ahead/m)
  t.true(driversTable(results).head.includes('zero-filling ahead'))
})

test('what promises less is marked in every table of the closed loop', (t) => {
  const [table] = suiteNamed('throughput').tables(madeResults().suites.throughput)
  const names = table?.rows.map(([name]) => name) ?? []
  t.true(names.includes('classic-level *'))
  t.true(names.includes('lmdb-put **'))
  t.true(names.includes('postgresql'))
})

test('the terminal and the document tell every table and every lost figure', (t) => {
  const results = madeResults()
  const [terminal, page] = [terminalText(results), benchmarksPage(results)]
  for (const name of SUITE_NAMES) {
    for (const { title } of suiteNamed(name).tables(results.suites[name])) {
      t.true(terminal.includes(title), title)
      t.true(page.includes(title), title)
    }
  }
  t.regex(terminal, / NO$/m)
  t.regex(page, /\| NO \|$/m)
})

test('a run that was interrupted says so, and shows what it has', (t) => {
  const results = { ...madeResults(), roundsDone: 0, suites: { ...madeResults().suites, growth: [], tuning: [] } }
  for (const text of [terminalText(results), htmlPage(results), benchmarksPage(results)]) {
    t.true(text.includes('INTERRUPTED: 0 of 2 rounds'))
  }
  t.true(benchmarksPage(results).includes('Not measured in this run.'))
  t.true(chartsOf({ ...results, suites: emptyRows(), distributions: [] }).length === 0)
  t.true(htmlPage({ ...results, suites: emptyRows(), distributions: [] }).includes('not measured'))
})

test('a run that was not warm says so', (t) => {
  const results = madeResults()
  t.notRegex(terminalText(results), /NOT WARM/)
  const settings = { ...results.settings, warmUpSecondsMax: 0.1 }
  for (const text of [terminalText, htmlPage, benchmarksPage].map((page) => page({ ...results, settings }))) {
    t.true(text.includes('NOT WARM: every driver had 0.1 s at most to warm up'))
  }
})

test('a bound that is missed by little is seen to be missed', (t) => {
  const results = madeResults()
  const throughput = [1.3999, 1.4001].map((ratio, index) => [
    madeTrial('device', index + 1, { producers: 1, latencyMsP50: 1 }),
    madeTrial('sluice', index + 1, { producers: 1, latencyMsP50: ratio }),
  ])
  const [reached, missed] = throughput.map(
    (trials) => verdictTable({ ...results, suites: { ...emptyRows(), throughput: trials } }).rows[0],
  )
  t.deepEqual(reached?.slice(1), ['1.4 ×', '1.4 to 1.4', 'at most 1.4 ×', 'yes'])
  t.deepEqual(missed?.slice(1), ['1.4001 ×', '1.4 to 1.4', 'at most 1.4 ×', 'NO'])
})

test('the page loads nothing', (t) => {
  const page = htmlPage(madeResults())
  t.notRegex(page, /https?:|url\(|@import|<script(?! type="application\/json")/)
})

test('text in markup is escaped', (t) => {
  const { text } = element('text', { title: '"a" & <b>' }, '<i>', element('b', {}, 'c'))
  t.is(text, '<text title="&quot;a&quot; &amp; &lt;b&gt;">&lt;i&gt;<b>c</b></text>')
})

test('a logarithmic axis holds all its values, and its ticks', (t) => {
  for (const values of [
    [0.13, 250],
    [5, 5],
    [3000, 12_000_000],
    [0.09, 0.1],
  ]) {
    const { place, ticks } = logScale(values, short)
    for (const value of values) t.true(place(value) >= 0 && place(value) <= 1, `${value} of ${values}`)
    t.true(ticks.length >= 1 && ticks.length <= 9, `${values}: ${ticks.length} ticks`)
    for (const tick of ticks)
      t.true(place(tick.value) > -1e-6 && place(tick.value) < 1 + 1e-6, `${tick.value} of ${values}`)
  }
})

test('each of the values has its tick', (t) => {
  const { place, ticks } = tickedLogScale([64, 1, 64, 4096], String)
  t.deepEqual(
    ticks.map(({ label }) => label),
    ['1', '64', '4096'],
  )
  t.deepEqual([place(1), place(64), place(4096)], [0, 0.5, 1])
})

test('each further nine takes as much room as the one before', (t) => {
  const { place, ticks } = percentileScale(99.99)
  t.deepEqual(
    ticks.map(({ label }) => label),
    ['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %'],
  )
  for (const [percent, wanted] of [
    [0, 0],
    [90, 0.25],
    [99, 0.5],
    [99.9, 0.75],
    [99.99, 1],
    [100, 1],
  ] as const) {
    t.true(Math.abs(place(percent) - wanted) < 1e-6, `${percent}: ${place(percent)}`)
  }
})

test('numbers on axes are short', (t) => {
  t.deepEqual([0.1, 5, 1500, 20_000, 1_500_000].map(short), ['0.1', '5', '1,500', '20 k', '1.5 M'])
})
