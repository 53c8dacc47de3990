import type { Results } from '../results.js'
import { SUITE_NAMES } from '../suites/suite-names.js'
import { suiteNamed } from '../suites/suites.js'
import { terminalTable } from '../table.js'
import { aboutLines, driversTable, verdictTable } from './summary.js'

/** Everything that was measured, for a terminal. */
export function terminalText(results: Results): string {
  const { rows } = driversTable(results)
  const drivers = rows.flatMap(([name, what, promises, isP1]) => [
    `  ${name}${isP1 === 'yes' ? '' : ' *'}: ${what}`,
    `      promises: ${promises}`,
  ])
  const suites = SUITE_NAMES.filter((name) => results.suites[name].length > 0).map((name) =>
    [heading(name), '', ...suiteNamed(name).tables(results.suites[name]).map(terminalTable)].join('\n'),
  )
  return [
    ...aboutLines(results),
    '',
    'Drivers; those marked * promise less than P1',
    '',
    ...drivers,
    '',
    ...suites,
    terminalTable(verdictTable(results)),
  ].join('\n')
}

function heading(name: string): string {
  return `── ${name} ${'─'.repeat(Math.max(3, 76 - name.length))}`
}
