import { SluiceError, systemCode } from '../errors.js'
import { oneLine } from './one-line.js'
import { UsageError } from './usage-error.js'

/** What is said about an error, on one line. Only an error that nobody foresaw comes with its stack. */
export function failureLine(error: unknown): string {
  if (error instanceof UsageError) return `sluice: USAGE: ${oneLine(error.message)}`
  if (error instanceof SluiceError) return `sluice: ${error.code}: ${oneLine(error.message)}`
  const code = systemCode(error)
  if (error instanceof Error && code !== undefined && 'syscall' in error) {
    // Node's messages begin with the code themselves.
    const message = error.message.startsWith(`${code}: `) ? error.message.slice(code.length + 2) : error.message
    return `sluice: ${code}: ${oneLine(message)}`
  }
  return `sluice: INTERNAL: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
