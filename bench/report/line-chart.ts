import type { LineChart, Point, Series } from './chart.js'
import { element, type Markup } from './svg.js'

const WIDTH = 980
const HEIGHT = 470
const LEFT = 74
const RIGHT = 190
const TOP = 14
const BOTTOM = 52
const LABEL_GAP = 15
const BOX = { left: LEFT, right: WIDTH - RIGHT, top: TOP, bottom: HEIGHT - BOTTOM } as const

/** A drawing of lines, each with its name at its end. Its text and its colours are the page's. */
export function drawLineChart(chart: LineChart): Markup {
  const series = chart.series.filter(({ points }) => points.length > 0)
  return element(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: 'img',
      'aria-label': `${chart.title}: ${chart.yLabel} by ${chart.xLabel}`,
    },
    axes(chart),
    ...labelPlaces(chart, series).map(({ one, labelY }) => drawSeries(chart, one, labelY)),
  )
}

function placeX(chart: LineChart, { x }: Pick<Point, 'x'>): number {
  return BOX.left + chart.x.place(x) * (BOX.right - BOX.left)
}

function placeY(chart: LineChart, y: number): number {
  return BOX.bottom - Math.max(0, Math.min(1, chart.y.place(y))) * (BOX.bottom - BOX.top)
}

function axes(chart: LineChart): Markup {
  const { left, right, top, bottom } = BOX
  return element(
    'g',
    { class: 'axes' },
    ...chart.y.ticks.map(({ value, label }) => {
      const y = placeY(chart, value)
      return [
        element('line', { class: 'rule', x1: left, x2: right, y1: y, y2: y }),
        element('text', { x: left - 8, y: y + 4, 'text-anchor': 'end' }, label),
      ]
    }),
    ...chart.x.ticks.map(({ value, label }) => {
      const x = placeX(chart, { x: value })
      return [
        element('line', { class: 'rule', x1: x, x2: x, y1: top, y2: bottom }),
        element('text', { x, y: bottom + 18, 'text-anchor': 'middle' }, label),
      ]
    }),
    element('line', { class: 'base', x1: left, x2: right, y1: bottom, y2: bottom }),
    element('text', { class: 'name', x: (left + right) / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, chart.xLabel),
    element(
      'text',
      { class: 'name', x: -(top + bottom) / 2, y: 16, 'text-anchor': 'middle', transform: 'rotate(-90)' },
      chart.yLabel,
    ),
  )
}

/** Each name beside the end of its line, moved where two would touch; the strongest line is drawn last, on top. */
function labelPlaces(chart: LineChart, series: readonly Series[]) {
  const places = series
    .map((one) => ({ one, labelY: placeY(chart, one.points.at(-1)?.y ?? 0) }))
    .sort((a, b) => a.labelY - b.labelY)
  let free = BOX.top + 4
  for (const place of places) {
    place.labelY = Math.max(place.labelY, free)
    free = place.labelY + LABEL_GAP
  }
  let limit = BOX.bottom + BOTTOM - 16
  for (const place of places.toReversed()) {
    place.labelY = Math.min(place.labelY, limit)
    limit = place.labelY - LABEL_GAP
  }
  return places.sort((a, b) => a.one.style.width - b.one.style.width)
}

function drawSeries(chart: LineChart, { name, label, style, points }: Series, labelY: number): Markup {
  const spots = points.map((point) => ({ point, x: placeX(chart, point), y: placeY(chart, point.y) }))
  const last = spots.at(-1) ?? { x: BOX.left, y: BOX.bottom }
  const labelX = BOX.right + 22
  return element(
    'g',
    {
      class: `series ${style.isRing ? 'ring' : ''}`.trim(),
      'data-series': name,
      style: `--own: var(--${style.colour})`,
      tabindex: 0,
      role: 'img',
      'aria-label': `${name}: ${points.map(({ told }) => told).join('; ')}`,
    },
    element('title', {}, name),
    ...spots.flatMap(({ point, x }) => {
      if (point.spread === undefined) return []
      const [low, high] = point.spread
      return [element('line', { class: 'spread', x1: x, x2: x, y1: placeY(chart, low), y2: placeY(chart, high) })]
    }),
    element('polyline', {
      class: 'line',
      points: spots.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '),
      'stroke-width': style.width,
      'stroke-dasharray': style.dash,
    }),
    element('polyline', { class: 'leader', points: `${last.x + 5},${last.y} ${labelX - 4},${labelY}` }),
    element(
      'text',
      { class: 'label', x: labelX, y: labelY + 4, 'font-weight': style.width > 2.5 ? 700 : undefined },
      label ?? name,
    ),
    ...spots.map(({ point, x, y }) =>
      element(
        'g',
        { class: 'point' },
        element('title', {}, `${name}: ${point.told}`),
        chart.dots ? element('circle', { class: 'dot', cx: x, cy: y, r: style.width > 2.5 ? 4.5 : 3.2 }) : undefined,
        element('circle', { class: 'hit', cx: x, cy: y, r: 9 }),
      ),
    ),
    ...(chart.dots ? spots : spots.slice(-1)).map(({ point, x, y }) =>
      element('text', { class: 'value', x, y: y - 9, 'text-anchor': 'middle' }, point.told.split(', ')[0]),
    ),
  )
}
