const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Bytes for people: three digits and a decimal unit. */
export function shownBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : threeDigits(value)} ${BYTE_UNITS[unit]}`
}

/** A time span for people. */
export function shownDuration(ms: number): string {
  if (ms < 999.5) return `${threeDigits(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 120) return `${threeDigits(seconds)} s`
  if (seconds < 2 * 3600) return `${threeDigits(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${threeDigits(seconds / 3600)} h`
  return `${threeDigits(seconds / 86_400)} days`
}

/** A number of something a second; '' where no time passed. */
export function shownRate(count: number, ms: number, what: string): string {
  return ms > 0 ? `${threeDigits((count / ms) * 1000)} ${what}/s` : ''
}

/** `1 record`, `2 records`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Milliseconds since the epoch as ISO 8601, UTC; `-` where there is no such time. */
export function shownTime(ms: number | undefined): string {
  if (ms === undefined || ms === 0) return '-'
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString()
}

/** Three digits that count; all digits above a thousand. */
function threeDigits(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return String(Number(value.toPrecision(3)))
}
