import { parseArgs } from 'node:util'

/** The numbers that a slow script was started with, by name: `--rounds 500`. Ends the process where one is none. */
export function numberArguments(names: readonly string[]): Readonly<Record<string, number | undefined>> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
    const { values } = parseArgs({ options })
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, checked(name, value)]))
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : error}\nOptions: ${names.map((name) => `--${name} N`).join(' ')}`,
    )
    process.exit(2)
  }
}

function checked(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (value === '' || !(number >= 0)) throw new Error(`--${name} takes a number, not ${JSON.stringify(value)}`)
  return number
}
