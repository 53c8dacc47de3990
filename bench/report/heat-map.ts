import { shown } from '../table.js'
import type { HeatMap } from './chart.js'
import { element, type Markup } from './svg.js'

const LEFT = 120
const TOP = 10
const CELL_WIDTH = 112
const CELL_HEIGHT = 46
const BOTTOM = 54
/** Above it the text in a cell has the colour of the page. */
const STRONG = 0.55

/** A drawing of a table: the stronger its colour, the better a cell is. */
export function drawHeatMap({ title, xLabel, yLabel, map }: HeatMap): Markup {
  const all = map.values.flat().filter((value) => value > 0)
  const [low, high] = [Math.log(Math.min(...all)), Math.log(Math.max(...all))]
  const strength = (value: number): number => {
    const share = high === low ? 1 : (Math.log(value) - low) / (high - low)
    return 0.08 + 0.87 * (map.best === 'highest' ? share : 1 - share)
  }
  const width = LEFT + CELL_WIDTH * map.across.length + 10
  const height = TOP + CELL_HEIGHT * map.down.length + BOTTOM
  const middle = LEFT + (CELL_WIDTH * map.across.length) / 2
  const center = TOP + (CELL_HEIGHT * map.down.length) / 2
  return element(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}, ${map.unit}: ${yLabel} by ${xLabel}` },
    ...map.down.map((name, row) =>
      element(
        'g',
        { class: 'series', 'data-series': name },
        element(
          'text',
          { class: 'tick', x: LEFT - 10, y: TOP + CELL_HEIGHT * (row + 0.5) + 4, 'text-anchor': 'end' },
          name,
        ),
        ...(map.values[row] ?? []).map((value, column) => {
          const [x, y] = [LEFT + CELL_WIDTH * column, TOP + CELL_HEIGHT * row]
          const isMissing = Number.isNaN(value)
          const fill = isMissing ? 0 : strength(value)
          const text = `${shown(value)} ${map.unit}`
          return element(
            'g',
            { class: 'cell', tabindex: 0, role: 'img', 'aria-label': `${name}, ${map.across[column] ?? ''}: ${text}` },
            element('title', {}, `${yLabel} ${name}, ${xLabel} ${map.across[column] ?? ''}: ${text}`),
            element('rect', {
              x: x + 1,
              y: y + 1,
              width: CELL_WIDTH - 2,
              height: CELL_HEIGHT - 2,
              rx: 4,
              'fill-opacity': fill,
            }),
            element(
              'text',
              {
                class: fill > STRONG ? 'inverse' : 'plain',
                x: x + CELL_WIDTH / 2,
                y: y + CELL_HEIGHT / 2 + 5,
                'text-anchor': 'middle',
              },
              shown(value),
            ),
          )
        }),
      ),
    ),
    ...map.across.map((name, column) =>
      element(
        'text',
        {
          class: 'tick',
          x: LEFT + CELL_WIDTH * (column + 0.5),
          y: TOP + CELL_HEIGHT * map.down.length + 20,
          'text-anchor': 'middle',
        },
        name,
      ),
    ),
    element('text', { class: 'name', x: middle, y: height - 8, 'text-anchor': 'middle' }, xLabel),
    element('text', { class: 'name', x: -center, y: 16, 'text-anchor': 'middle', transform: 'rotate(-90)' }, yLabel),
  )
}
