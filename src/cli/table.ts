/** A column: its heading, and to which side its cells are moved. */
export interface Column {
  readonly heading: string
  readonly align: 'left' | 'right'
}

/** Rows as lines in which the columns stand below each other, two blanks apart. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const headings = columns.map(({ heading }) => heading)
  const widths = columns.map((_, index) => Math.max(...[headings, ...rows].map((row) => row[index]?.length ?? 0)))
  return [headings, ...rows].map((row) => {
    const cells = columns.map(({ align }, index) => {
      const cell = row[index] ?? ''
      const width = widths[index] ?? 0
      return align === 'right' ? cell.padStart(width) : cell.padEnd(width)
    })
    return cells.join('  ').trimEnd()
  })
}

/** Names and values, the values below each other. */
export function list(entries: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
