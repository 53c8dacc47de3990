// Notes what the build has left, for the next one to go on from.
import { fileURLToPath } from 'node:url'
import { seal } from './built-files.mjs'

seal(process.argv[2] ?? fileURLToPath(new URL('../', import.meta.url)))
