/** Something that `verify` found. Only `corrupt` and `unsupported` are damage: recovery deals with all the rest by itself. */
export type Finding = CorruptFinding | TornFinding | UnsupportedFinding | LeftoverFinding | MarkSlotFinding

/** What is on disk contradicts what was acknowledged, or itself. Opening fails here, or else reading does. */
export interface CorruptFinding {
  readonly kind: 'corrupt'
  /** The segment file, where it is one that is damaged. */
  readonly segment?: string
  /** Where the damage begins in that file. */
  readonly offset?: number
  /** The first LSN that is lost by it; absent where no record is. */
  readonly firstLsn?: number
  readonly lastLsn?: number
  readonly reason: string
}

/** The end of the last segment was cut short by a crash, before anything there was acknowledged as durable. */
export interface TornFinding {
  readonly kind: 'torn'
  readonly segment: string
  readonly offset: number
  /** How many bytes recovery will cut off there, trailing zeros not counted. */
  readonly bytes: number
  /** The LSN that the next append will be given, after recovery. */
  readonly firstLsn: number
  readonly reason: string
}

/** A file that a newer version of sluice wrote. */
export interface UnsupportedFinding {
  readonly kind: 'unsupported'
  /** The segment's name, or the mark file's. */
  readonly file: string
  readonly version: number
  readonly reason: string
}

/** A file that recovery will remove. */
export interface LeftoverFinding {
  readonly kind: 'leftover'
  readonly file: string
  readonly reason: string
}

/** A slot of the mark file, or all of it, that recovery will write anew. */
export interface MarkSlotFinding {
  readonly kind: 'mark-slot'
  /** 0 or 1; absent where there is no mark file. */
  readonly slot?: number
  readonly reason: string
}

/** Whether a finding is damage, rather than something that recovery deals with by itself. */
export function isDamage(finding: Finding): finding is CorruptFinding | UnsupportedFinding {
  return finding.kind === 'corrupt' || finding.kind === 'unsupported'
}
