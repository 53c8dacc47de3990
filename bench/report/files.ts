import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Results, readResults, writeResults } from '../results.js'
import { benchmarksPage } from './benchmarks-page.js'
import { htmlPage } from './html-page.js'

const ROOT = new URL('../../../', import.meta.url)
/** What docs/BENCHMARKS.md is made from, kept beside it under version control. */
export const RESULTS_OF_RECORD = fileURLToPath(new URL('bench/results-of-record/results.json', ROOT))
export const BENCHMARKS_PAGE = fileURLToPath(new URL('docs/BENCHMARKS.md', ROOT))

export function writeFiles(
  results: Results,
  { json, html }: { readonly json: string | undefined; readonly html: string | undefined },
): void {
  if (json !== undefined) write(json, writeResults(results))
  if (html !== undefined) write(html, htmlPage(results))
}

/** Makes these results the ones that the documents tell. */
export function writeDocs(results: Results): void {
  write(RESULTS_OF_RECORD, writeResults(results))
  // From the file, whose figures are rounded: a test makes the page from it again.
  write(BENCHMARKS_PAGE, benchmarksPage(readResults(RESULTS_OF_RECORD)))
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
