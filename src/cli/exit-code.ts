/** What the command tells the shell. */
export type ExitCode =
  /** Done. */
  | 0
  /** Something failed, or a log is damaged. */
  | 1
  /** The command line makes no sense, or an answer is missing. */
  | 2
  /** Interrupted by SIGINT. */
  | 130
  /** Ended by SIGTERM. */
  | 143

/** The lines about it that stand in the help. */
export const EXIT_CODES = `Exit codes:
  0    done; for verify: the log is sound
  1    something failed, or the log is damaged
  2    usage: the command line makes no sense, or repair wants --yes
  130  ended by SIGINT (append: what was read is durable first)
  143  ended by SIGTERM (the same)
`
