/** Puts values of an axis in their place, between 0 and 1, and says where its ticks are. */
export interface Scale {
  place(value: number): number
  readonly ticks: readonly { readonly value: number; readonly label: string }[]
}

const STEPS = [1, 2, 5] as const
/** More than these would touch one another. */
const TICKS_MAX = 9

/** Each power of ten takes as much room as the next; both ends lie on a tick. */
export function logScale(values: readonly number[], label: (value: number) => string): Scale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  const low = Math.floor(Math.log10(Math.min(...positive)) * 3 + 1e-9) / 3
  const high = Math.ceil(Math.log10(Math.max(...positive)) * 3 - 1e-9) / 3
  const from = positive.length === 0 ? 0 : low
  const to = positive.length === 0 ? 1 : Math.max(high, low + 1 / 3)
  const ticks: number[] = []
  for (let exponent = Math.floor(from); exponent <= Math.ceil(to); exponent += 1) {
    for (const step of STEPS) {
      const value = Number(`${step}e${exponent}`)
      const place = Math.log10(value)
      if (place >= from - 1e-9 && place <= to + 1e-9) ticks.push(value)
    }
  }
  const few = ticks.length > TICKS_MAX ? ticks.filter((value) => Math.log10(value) % 1 === 0) : ticks
  return {
    place: (value) => (Math.log10(value) - from) / (to - from),
    ticks: few.map((value) => ({ value, label: label(value) })),
  }
}

/** Only these values, each with a tick, as far apart as their logarithms. */
export function tickedLogScale(values: readonly number[], label: (value: number) => string): Scale {
  const sorted = [...new Set(values)].sort((a, b) => a - b)
  const [from, to] = [Math.log10(sorted[0] ?? 1), Math.log10(sorted.at(-1) ?? 10)]
  return {
    place: (value) => (to === from ? 0.5 : (Math.log10(value) - from) / (to - from)),
    ticks: sorted.map((value) => ({ value, label: label(value) })),
  }
}

/** Percentiles as in an HDR plot: each further nine takes as much room as the one before. `highest` is below 100. */
export function percentileScale(highest: number): Scale {
  const nines = (percent: number): number => -Math.log10(1 - percent / 100)
  const to = nines(highest)
  return {
    place: (percent) => nines(Math.min(percent, highest)) / to,
    ticks: [0, 50, 90, 99, 99.9, 99.99, 99.999]
      .filter((percent) => nines(percent) <= to + 1e-9)
      .map((value) => ({ value, label: `${value} %` })),
  }
}

/** A number for an axis: 1,500,000 is 1.5 M. */
export function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`
  return value >= 1000 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}
