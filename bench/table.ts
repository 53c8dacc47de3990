/** What was measured, for people: made once, shown on terminals, in Markdown and in HTML. */
export interface Table {
  readonly title: string
  readonly head: readonly string[]
  /** The first column names the row; the others are numbers. */
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
}

/** Lines up rows under a head: the first column to the left, the others to the right. */
export function formatTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  ...notes: readonly string[]
): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `  ${widths.map((width, column) => pad(cells[column] ?? '', width, column)).join('  ')}`.trimEnd()
  const rule = `  ${widths.map((width) => '─'.repeat(width)).join('  ')}`
  const told = notes.filter((note) => note !== '')
  const below = told.length === 0 ? [] : ['', ...told.map((note) => `  ${note}`)]
  return [title, '', line(head), rule, ...rows.map(line), ...below, ''].join('\n')
}

/** A table for a terminal. */
export function terminalTable({ title, head, rows, notes }: Table): string {
  return formatTable(title, head, rows, ...notes)
}

/** The same for a page in Markdown. */
export function markdownTable({ head, rows, notes }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${head.map((_, column) => (cells[column] ?? '').replaceAll('|', '\\|').replaceAll('*', '\\*')).join(' | ')} |`
  const rule = `| ${head.map((_, column) => (column === 0 ? '---' : '---:')).join(' | ')} |`
  const below = notes.flatMap((note) => ['', note.replaceAll('*', '\\*')])
  return [line(head), rule, ...rows.map(line), ...below, ''].join('\n')
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

/** A size in the largest unit that it is a whole number of. */
export function shownBytes(bytes: number): string {
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`
}
