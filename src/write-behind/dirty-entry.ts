/** Where an entry's newest record lies in the journal. */
export interface JournalPlace {
  readonly lsn: number
  /** Bytes of the record. */
  readonly bytes: number
  /** Bytes that were appended before it. */
  readonly offset: number
}

/** What a mark says: a value, or that there is none any more; or, where it says nothing, that it is to be read. */
export type Held<V> = { readonly value: V | undefined } | undefined

/** A key whose newest mark is not saved. */
export class DirtyEntry<V, K extends string> {
  readonly key: K
  /** The newest mark's number. */
  mark: number
  held: Held<V>
  /** The newest mark's record, where there is a journal. */
  place: JournalPlace | undefined
  /** Since it was last saved. */
  failures = 0
  /**
   * `waiting` for the next flush, `queued` in one, `saving`, or `delayed` after a failure.
   */
  state: 'waiting' | 'queued' | 'saving' | 'delayed' = 'waiting'

  constructor(key: K, mark: number, held: Held<V>, place: JournalPlace | undefined) {
    this.key = key
    this.mark = mark
    this.held = held
    this.place = place
  }
}
