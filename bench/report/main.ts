import { parseArgs } from 'node:util'
import { readResults } from '../results.js'
import { RESULTS_OF_RECORD, writeDocs, writeFiles } from './files.js'
import { terminalText } from './terminal-page.js'

const HELP = `usage: npm run bench:report -- [options]

Makes pages from the JSON of a run, without measuring anything.

  --json FILE   the results of a run (default: those that docs/BENCHMARKS.md is made from)
  --html FILE   writes a page with charts, complete in itself
  --docs        makes these results the ones that docs/BENCHMARKS.md is made from, and writes it
  --help        this text

Without --html and --docs all tables are printed.
`

const { values } = parseArgs({
  options: {
    json: { type: 'string', default: RESULTS_OF_RECORD },
    html: { type: 'string' },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else {
  const results = readResults(values.json)
  writeFiles(results, { json: undefined, html: values.html })
  if (values.docs) writeDocs(results)
  if (values.html === undefined && !values.docs) console.log(terminalText(results))
}
