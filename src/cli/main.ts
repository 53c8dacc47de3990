#!/usr/bin/env node
import { runProgram } from './program.js'

// The process ends by itself: nothing is left open, and nothing that was written is cut off.
process.exitCode = await runProgram(process.argv.slice(2))
