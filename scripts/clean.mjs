// Removes what an earlier build left and the next one would not make again, so that no test of a deleted source file runs.
import { fileURLToPath } from 'node:url'
import { clean } from './built-files.mjs'

clean(process.argv[2] ?? fileURLToPath(new URL('../', import.meta.url)))
