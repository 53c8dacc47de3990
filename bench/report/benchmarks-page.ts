import { readFileSync } from 'node:fs'
import type { Results } from '../results.js'
import { SUITE_NAMES } from '../suites/suite-names.js'
import { suiteNamed } from '../suites/suites.js'
import { markdownTable } from '../table.js'
import { aboutLines, driversTable, verdictTable } from './summary.js'

const TEXT = new URL('../../../bench/report/text/', import.meta.url)
const TEMPLATE = 'BENCHMARKS.md'
const PLACEHOLDER = /^\{\{(\w+)(?: ([\w.-]+))?\}\}$/gm

/**
 * docs/BENCHMARKS.md: the template with its placeholders filled in. `{{about}}`, `{{verdict}}` and `{{drivers}}` stand for
 * what the results say of themselves, `{{suite NAME}}` for the tables of a suite, `{{include FILE}}` for a page that people
 * wrote. Every suite has to have its place, so that none of what was measured can be left out.
 */
export function benchmarksPage(results: Results): string {
  const placed = new Set<string>()
  const page = textOf(TEMPLATE).replace(PLACEHOLDER, (placeholder, kind: string, name: string | undefined) => {
    switch (kind) {
      case 'about':
        return aboutLines(results)
          .map((line) => `- ${line}`)
          .join('\n')
      case 'verdict':
        return markdownTable(verdictTable(results)).trimEnd()
      case 'drivers':
        return markdownTable(driversTable(results)).trimEnd()
      case 'include':
        if (name !== undefined) return textOf(name).trimEnd()
        break
      case 'suite':
        placed.add(name ?? '')
        return suiteText(results, placeholder, name)
    }
    throw new Error(`${TEMPLATE} has an unknown placeholder: ${placeholder}`)
  })
  const missing = SUITE_NAMES.filter((name) => !placed.has(name))
  if (missing.length > 0) throw new Error(`${TEMPLATE} has no place for ${missing.join(', ')}`)
  return page
}

function suiteText(results: Results, placeholder: string, given: string | undefined): string {
  const name = SUITE_NAMES.find((one) => one === given)
  if (name === undefined) throw new Error(`${TEMPLATE} names an unknown suite: ${placeholder}`)
  const tables = suiteNamed(name).tables(results.suites[name])
  if (tables.length === 0) return 'Not measured in this run.'
  return tables.map((table) => `**${table.title}**\n\n${markdownTable(table).trimEnd()}`).join('\n\n')
}

function textOf(name: string): string {
  return readFileSync(new URL(name, TEXT), 'utf8')
}
