/** What the command tells the shell. */
export type ExitCode =
  /** Done. */
  | 0
  /** Something failed, or a log is damaged. */
  | 1
  /** The command line makes no sense, or an answer is missing. */
  | 2
  /** What was asked for is not there: {@link NO_SUCH_KEY}. */
  | 3
  /** Interrupted by SIGINT. */
  | 130
  /** Ended by SIGTERM. */
  | 143

/** A state store has no such key. Nothing failed, so it is not 1: a script must be able to tell the two apart. */
export const NO_SUCH_KEY = 3

/** The lines about it that stand in the help. */
export const EXIT_CODES = `Exit codes:
  0    done; for verify: the log is sound
  1    something failed, or the log is damaged
  2    usage: the command line makes no sense, or repair wants --yes
  3    state get, state delete: there is no such key
  130  ended by SIGINT (append: what was read is durable first)
  143  ended by SIGTERM (the same)
`
