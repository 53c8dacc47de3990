import { type Results, writeResults } from '../results.js'
import { isReached } from '../suites/suite.js'
import { SUITE_NAMES, type SuiteName } from '../suites/suite-names.js'
import { figuresOf, suiteNamed } from '../suites/suites.js'
import type { Table } from '../table.js'
import type { Chart } from './chart.js'
import { chartsOf } from './charts.js'
import { drawHeatMap } from './heat-map.js'
import { drawLineChart } from './line-chart.js'
import { PAGE_STYLE } from './page-style.js'
import { aboutLines, DOUBTS, driversTable, verdictTable } from './summary.js'
import { element, Markup } from './svg.js'

const SUITE_TITLES: Readonly<Record<SuiteName, string>> = {
  throughput: 'Throughput and latency, closed loop',
  sizes: 'Other sizes of records',
  'append-many': 'appendMany',
  'large-records': 'Large records over several segments',
  replay: 'A log replayed, line by line',
  'open-loop': 'Open loop',
  'flush-policies': 'Flush policies',
  tuning: 'The tuning map',
  reading: 'Reading, following, get',
  recovery: 'Recovery',
  growth: 'Cost by the size of the log',
  'adaptive-delay': 'Waiting for company',
  'figures-cost': 'What the figures cost',
  events: 'The event store',
  state: 'The keyed state store',
  'write-behind': 'Writing behind',
}

/** One page that shows everything, and loads nothing. */
export function htmlPage(results: Results): string {
  const charts = chartsOf(results)
  const figures = figuresOf(results.suites).filter(({ reached }) => !Number.isNaN(reached))
  const reachedCount = figures.filter(isReached).length
  const about = aboutLines(results)
  const suites = SUITE_NAMES.filter((name) => results.suites[name].length > 0)
  const body = element(
    'body',
    {},
    element('h1', {}, 'sluice: the benchmark'),
    element(
      'p',
      {},
      `${reachedCount} of the ${figures.length} wanted figures that this run measured are reached. `,
      'What carries over to another machine are the ratios within one run.',
    ),
    element(
      'div',
      { class: 'about' },
      ...about.map((line) => element('p', { class: DOUBTS.test(line) ? 'warning' : undefined }, line)),
    ),
    element(
      'nav',
      {},
      ...[
        ['verdict', 'What was wanted'],
        ['charts', 'Charts'],
        ['drivers', 'What is compared'],
        ['tables', 'All tables'],
      ].map(([id, name]) => element('a', { href: `#${id}` }, name)),
    ),
    element('h2', { id: 'verdict' }, 'What was wanted'),
    tableOf(verdictTable(results), false),
    element('h2', { id: 'charts' }, 'Charts'),
    element('p', { class: 'note' }, 'Point at a line, or step through them with the Tab key, to see its values alone.'),
    ...charts.map(figureOf),
    element('h2', { id: 'drivers' }, 'What is compared'),
    tableOf(driversTable(results), false, 'text'),
    element('h2', { id: 'tables' }, 'All tables'),
    ...suites.map((name) =>
      element(
        'details',
        { id: `suite-${name}` },
        element('summary', {}, SUITE_TITLES[name]),
        ...suiteNamed(name)
          .tables(results.suites[name])
          .map((table) => tableOf(table, true)),
      ),
    ),
    element('script', { type: 'application/json', id: 'results' }, dataOf(results)),
  )
  const head = element(
    'head',
    {},
    element('meta', { charset: 'utf-8' }),
    element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    // Else a browser would ask for one.
    element('link', { rel: 'icon', href: 'data:,' }),
    element('title', {}, 'sluice: the benchmark'),
    element('style', {}, new Markup(PAGE_STYLE)),
  )
  return `<!doctype html>\n${element('html', { lang: 'en' }, head, body).text}\n`
}

function figureOf(chart: Chart): Markup {
  return element(
    'figure',
    { class: chart.kind, id: `chart-${chart.id}`, 'data-chart': chart.id },
    element('h3', {}, chart.title),
    element('p', { class: 'note' }, chart.note),
    chart.kind === 'lines' ? drawLineChart(chart) : drawHeatMap(chart),
  )
}

function tableOf({ title, head, rows, notes }: Table, hasCaption: boolean, kind?: string): Markup {
  return element(
    'div',
    { class: 'wide' },
    element(
      'table',
      { class: kind },
      hasCaption ? element('caption', {}, title) : undefined,
      element('thead', {}, element('tr', {}, ...head.map((name) => element('th', { scope: 'col' }, name)))),
      element(
        'tbody',
        {},
        ...rows.map((row) =>
          element(
            'tr',
            { class: row[0]?.startsWith('sluice') === true ? 'own' : undefined },
            ...row.map((cell) => cellOf(cell)),
          ),
        ),
      ),
    ),
    ...notes.map((note) => element('p', { class: 'note' }, note)),
  )
}

function cellOf(cell: string): Markup {
  const answer = cell === 'yes' ? 'yes' : cell === 'NO' ? 'no' : undefined
  return element('td', { class: answer }, cell)
}

/** The same as in the JSON file, for whoever has only the page. Nothing in it can end the element. */
function dataOf(results: Results): Markup {
  return new Markup(writeResults(results).replaceAll('<', '\\u003c'))
}
