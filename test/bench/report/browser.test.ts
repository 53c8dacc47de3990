import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { htmlPage } from '../../../bench/report/html-page.js'
import { testWith } from '../../support/tools.js'
import { Browser, findBrowser } from '../browser.js'
import { madeResults } from '../made-results.js'

/** What the page shows, and what the JSON in it has to show. */
const SHOWN = `(() => {
  const results = JSON.parse(document.querySelector('#results').textContent)
  const column = (table, name) => table.rows.map((row) => row[table.columns.indexOf(name)])
  const count = (values) => new Set(values).size
  const { suites, distributions } = results
  const drivers = count(column(suites.throughput, 'driver'))
  const inBoth = count([...column(suites.sizes, 'driver')])
  const wanted = { throughput: drivers, 'latency-p50': drivers, 'latency-p99': drivers }
  for (const producers of column(suites.sizes, 'producers')) wanted['sizes-' + producers] = inBoth
  wanted['open-loop-p99'] = count(column(suites['open-loop'], 'driver'))
  for (const load of column(distributions, 'load')) wanted['percentiles-' + load] = drivers
  wanted['tuning-1'] = wanted['tuning-2'] = count(column(suites.tuning, 'label').map((label) => label.split(',')[0]))
  wanted['growth-closed'] = wanted['growth-killed'] = count(column(suites.growth, 'segments'))
  const shown = {}
  for (const chart of document.querySelectorAll('[data-chart]')) {
    const series = [...chart.querySelectorAll('[data-series]')]
    shown[chart.dataset.chart] = series.filter((one) => one.getBoundingClientRect().width > 0).length
  }
  return { wanted, shown }
})()`

/** Labels at the ends of lines that touch one another, or leave their drawing. */
const CROWDED = `[...document.querySelectorAll('[data-chart] svg')].flatMap((svg) => {
  const box = svg.getBoundingClientRect()
  const labels = [...svg.querySelectorAll('.label')].map((label) => ({ text: label.textContent, box: label.getBoundingClientRect() }))
  return labels.flatMap((a, index) => [
    ...(a.box.right > box.right || a.box.bottom > box.bottom || a.box.top < box.top ? [a.text + ' is cut off'] : []),
    ...labels.slice(index + 1).filter((b) => a.box.top < b.box.bottom - 3 && b.box.top < a.box.bottom - 3).map((b) => a.text + ' touches ' + b.text),
  ])
})`

const program = findBrowser()
const browserTest = testWith(
  test.serial,
  program === undefined ? "no browser is installed (Debian's package chromium)" : undefined,
)

// Starting a browser takes longer than all that is asked of it: there is one for all tests, each of which opens a tab.
const browser = program === undefined ? undefined : new Browser(program)
test.after.always(() => browser?.close())

/** A browser with the page in a fresh tab, and where the page lies. */
async function openPage(t: ExecutionContext, colours: 'light' | 'dark' = 'light') {
  if (browser === undefined) throw new Error('there is no browser')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-page-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'report.html')
  writeFileSync(file, htmlPage(madeResults()))
  const url = pathToFileURL(file).href
  await browser.open(url, colours)
  return { browser, url }
}

for (const colours of ['light', 'dark'] as const) {
  browserTest(`a browser shows every chart with all that was measured, in ${colours} colours`, async (t) => {
    const { browser, url } = await openPage(t, colours)
    const { wanted, shown } = (await browser.evaluate(SHOWN)) as { wanted: object; shown: object }
    t.deepEqual(shown, wanted)
    t.deepEqual(await browser.evaluate(CROWDED), [])
    t.deepEqual(browser.complaints, [])
    t.deepEqual(browser.requests, [url])
    t.is(await browser.evaluate('document.documentElement.scrollWidth'), 1200, 'the page is not wider than its window')
    const background = await browser.evaluate('getComputedStyle(document.body).backgroundColor')
    t.is(background, colours === 'light' ? 'rgb(255, 255, 255)' : 'rgb(18, 21, 28)')
  })
}

browserTest('a line shows its values when the keyboard reaches it', async (t) => {
  const { browser } = await openPage(t)
  const visibility = `getComputedStyle(document.querySelector('[data-series=sluice] .value')).visibility`
  t.is(await browser.evaluate(visibility), 'hidden')
  await browser.evaluate(`document.querySelector('[data-series=sluice]').focus()`)
  t.is(await browser.evaluate(visibility), 'visible')
  await browser.press('Tab')
  t.is(await browser.evaluate(visibility), 'hidden')
  t.is(await browser.evaluate(`document.activeElement.getAttribute('class').split(' ')[0]`), 'series')
})
