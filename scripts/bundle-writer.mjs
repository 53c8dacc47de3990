// Makes one file of the writer thread's modules, once they are compiled.
import { fileURLToPath } from 'node:url'
import { bundleWriter } from './writer-bundle.mjs'

await bundleWriter(process.argv[2] ?? fileURLToPath(new URL('../', import.meta.url)), true)
