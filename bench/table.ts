/** Lines up rows under a head: the first column to the left, the others to the right. */
export function formatTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  note: string,
) {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `  ${widths.map((width, column) => pad(cells[column] ?? '', width, column)).join('  ')}`.trimEnd()
  const rule = `  ${widths.map((width) => '─'.repeat(width)).join('  ')}`
  return [title, '', line(head), rule, ...rows.map(line), ...(note === '' ? [] : ['', `  ${note}`]), ''].join('\n')
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

/** A number with three significant digits, thousands apart; a dash where there is none. */
export function shown(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US')
  return value === 0 ? '0' : String(Number(value.toPrecision(3)))
}

/** A count in full. */
export function counted(value: number | undefined): string {
  return value === undefined ? '–' : value.toLocaleString('en-US')
}
