import { SluiceError, systemCode } from '../errors.js'
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

/** Paths may hold anything: line ends, and what a terminal takes for commands, are shown instead of sent. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
