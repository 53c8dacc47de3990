import { type DriverName, driverOf } from '../drivers/drivers.js'

/** How a line is drawn. Its colour is one of the page's, which has two sets of them: for light and for dark. */
export interface SeriesStyle {
  readonly colour: string
  readonly dash?: string
  readonly width: number
  /** Dots are filled, or rings. */
  readonly isRing: boolean
}

/** All ways of one peer have one colour; the beginning of a name tells the peer. */
const COLOURS: readonly (readonly [string, string])[] = [
  ['sluice', 'accent'],
  ['device', 'limit'],
  ['fsync', 'grey'],
  ['append-file', 'grey'],
  ['better-sqlite3', 'red'],
  ['lmdb', 'green'],
  ['classic-level', 'gold'],
  ['sonic-boom', 'violet'],
  ['event-storage', 'olive'],
  ['redis', 'pink'],
  ['postgresql', 'cyan'],
  ['nats', 'orange'],
]
/** Ways that another one of the same peer outdoes. */
const DOTTED: readonly DriverName[] = [
  ...(['fsync-in-turn', 'append-file', 'better-sqlite3', 'lmdb-put', 'lmdb-synced', 'classic-level'] as const),
  'postgresql',
]
/** For lines that are no drivers, in turn. */
const OTHERS = ['accent', 'orange', 'green', 'violet', 'red', 'cyan', 'gold', 'pink'] as const

export function styleOfDriver(name: DriverName): SeriesStyle {
  const colour = COLOURS.find(([begin]) => name.startsWith(begin))?.[1] ?? 'grey'
  const { role, promise } = driverOf(name)
  const isRing = !promise.isP1 && role !== 'limit'
  if (role === 'limit') return { colour, dash: '7 4', width: 2, isRing }
  // It is sluice still, under other conditions.
  if (name === 'sluice-prepared') return { colour, dash: '6 3', width: 3, isRing }
  return { colour, width: role === 'sluice' ? 3 : 1.5, isRing, ...(DOTTED.includes(name) ? { dash: '2 3' } : {}) }
}

/** The limit says what it is. */
export function labelOf(name: DriverName): { readonly label?: string } {
  return driverOf(name).role === 'limit' ? { label: `${name}: the limit` } : {}
}

export function styleOfIndex(index: number): SeriesStyle {
  return { colour: OTHERS[index % OTHERS.length] ?? 'grey', width: 2, isRing: false }
}
