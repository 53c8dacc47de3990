import { diskFull } from './disk-full-part.js'
import { fileSystems } from './file-system-part.js'
import { freezes } from './freeze-part.js'
import { ioErrors } from './io-error-part.js'
import { powerCuts } from './power-cut-part.js'
import { readOnly } from './read-only-part.js'
import type { Run } from './run.js'

/** By the names that `--only` takes. */
export const PARTS: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  'file-systems': fileSystems,
  'disk-full': diskFull,
  'read-only': readOnly,
  'io-errors': ioErrors,
  freezes,
  'power-cuts': powerCuts,
}
