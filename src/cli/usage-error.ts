/** The command line makes no sense: exit code 2. The message says what doesn't, on one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
