import { runDemo } from './run-demo.js'

process.exitCode = await runDemo(process.argv.slice(2))
