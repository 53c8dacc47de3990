import { SluiceError } from '../errors.js'
import type { Log } from '../log/contract.js'
import type { DirtyEntry, JournalPlace } from './dirty-entry.js'
import { goneRecord, markRecord, readRecord, savedRecord } from './journal-record.js'

/** Entries that a compaction appends anew at the same time. */
const COMPACT_TOGETHER = 64
/** It is worth it once all that lies above the oldest dirty record is so many times as large as what is dirty. */
const COMPACT_RATIO = 4
/** LSNs in a record of what was saved. */
const SAVED_TOGETHER = 8192

/** A mark that no save was noted for. */
export interface UnsavedMark {
  readonly key: string
  readonly value: Buffer
  readonly place: JournalPlace
}

/** What the journal asks about the entries that are dirty. */
export interface DirtyView<V, K extends string> {
  entries(): Iterable<DirtyEntry<V, K>>
  get(key: K): DirtyEntry<V, K> | undefined
}

/**
 * Marks in a log, until they are saved. A key's newest record counts, so all below the lowest of those that are dirty can
 * go. That a mark was saved is noted behind the save, in a record of its own: where a crash comes first, the mark is
 * replayed, and its value saved again.
 */
export class Journal<V, K extends string> {
  readonly #log: Log
  readonly #dirty: DirtyView<V, K>
  readonly #compactBytes: number
  readonly #trouble: (error: SluiceError) => void
  /** All up to this LSN was acknowledged, and is dirty or was saved. */
  #acknowledgedLsn: number
  #bytes = 0
  /** How many marks of a key are on their way into the log. */
  readonly #underway = new Map<K, number>()
  #saved: number[] = []
  /** The first LSNs of segments that began since the last trim: where one lies low enough, a segment can go. */
  #segmentStarts: number[] = []
  #trimIsDue = true
  #tidying: Promise<void> | undefined
  #tidyAgain = false

  constructor(
    log: Log,
    dirty: DirtyView<V, K>,
    options: { readonly compactBytes: number; readonly trouble: (error: SluiceError) => void },
  ) {
    this.#log = log
    this.#dirty = dirty
    this.#compactBytes = options.compactBytes
    this.#trouble = options.trouble
    this.#acknowledgedLsn = log.durableLsn
    log.on('failed', (error) => this.#trouble(error))
    log.on('rotate', ({ firstLsn }) => {
      this.#segmentStarts.push(firstLsn)
      this.tidy()
    })
  }

  /** The keys of marks that are on their way into the log. */
  get underway(): ReadonlyMap<K, number> {
    return this.#underway
  }

  /** The newest mark of each key that no save was noted for, oldest first. */
  async replay(): Promise<UnsavedMark[]> {
    const unsaved = new Map<string, UnsavedMark>()
    const keys = new Map<number, string>()
    for await (const { lsn, data } of this.#log.read()) {
      const record = readRecord(data, lsn)
      if (record.kind === 'saved') {
        for (const saved of record.lsns) {
          const key = keys.get(saved)
          if (key !== undefined && unsaved.get(key)?.place.lsn === saved) unsaved.delete(key)
        }
      } else {
        const { key } = record
        const before = unsaved.get(key)
        if (before !== undefined) keys.delete(before.place.lsn)
        unsaved.delete(key)
        if (record.kind === 'mark') {
          unsaved.set(key, { key, value: record.value, place: { lsn, bytes: data.length, offset: this.#bytes } })
          keys.set(lsn, key)
        }
      }
      this.#bytes += data.length
    }
    return [...unsaved.values()]
  }

  /**
   * Appends a mark, without a value where there is nothing to save any more. `durable` is called once it would survive a power cut, before anything else can be trimmed. Throws and
   * rejects as `Log.append` does.
   */
  async append(key: K, value: Uint8Array | string | undefined, durable: (place: JournalPlace) => void): Promise<void> {
    const appended = this.#append(value === undefined ? goneRecord(key) : markRecord(key, value), durable)
    this.#underway.set(key, (this.#underway.get(key) ?? 0) + 1)
    try {
      await appended
    } finally {
      const left = (this.#underway.get(key) ?? 1) - 1
      if (left > 0) this.#underway.set(key, left)
      else this.#underway.delete(key)
    }
  }

  /** The mark with this record was saved. */
  noteSaved({ lsn }: JournalPlace): void {
    this.#saved.push(lsn)
  }

  /** In the background: notes what was saved, gives back the room of what nobody needs, appends anew what holds up too much. */
  tidy(): void {
    if (this.#tidying !== undefined) {
      this.#tidyAgain = true
      return
    }
    this.#tidying = this.#tidy().finally(() => {
      this.#tidying = undefined
      if (!this.#tidyAgain) return
      this.#tidyAgain = false
      this.tidy()
    })
  }

  /** Notes what was saved, and ends. */
  async close(): Promise<void> {
    while (this.#tidying !== undefined) await this.#tidying
    await this.#tidy()
    await this.#log.close()
  }

  async #tidy(): Promise<void> {
    try {
      await this.#writeSaved()
      if (this.#holdsTooMuch()) await this.#compact()
      await this.#trim()
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      // A log that failed has told so itself, and one that is closed needs nothing any more. Anything else is tried again.
      if (this.#log.status === 'open') this.#trouble(error)
    }
  }

  /** Appends a record; what follows from it happens in the same turn in which it counts as acknowledged. */
  #append(record: Buffer, durable: (place: JournalPlace) => void): Promise<void> {
    const offset = this.#bytes
    const appended = this.#log.append(record).then((lsn) => {
      this.#acknowledgedLsn = lsn
      durable({ lsn, bytes: record.length, offset })
    })
    this.#bytes += record.length
    return appended
  }

  async #writeSaved(): Promise<void> {
    while (this.#saved.length > 0 && this.#log.status === 'open') {
      const lsns = this.#saved.splice(0, SAVED_TOGETHER)
      try {
        await this.#append(savedRecord(lsns), () => {})
      } catch (error) {
        this.#saved.push(...lsns)
        throw error
      }
    }
  }

  #oldest(): JournalPlace | undefined {
    let oldest: JournalPlace | undefined
    for (const { place } of this.#dirty.entries()) {
      if (place !== undefined && (oldest === undefined || place.lsn < oldest.lsn)) oldest = place
    }
    return oldest
  }

  #holdsTooMuch(): boolean {
    const oldest = this.#oldest()
    if (oldest === undefined) return false
    let dirtyBytes = 0
    for (const { place } of this.#dirty.entries()) dirtyBytes += place?.bytes ?? 0
    const heldBytes = this.#bytes - oldest.offset
    return heldBytes > this.#compactBytes && heldBytes > COMPACT_RATIO * dirtyBytes
  }

  /** Appends the records of all dirty entries anew, as they are. */
  async #compact(): Promise<void> {
    const entries = [...this.#dirty.entries()]
    for (let at = 0; at < entries.length; at += COMPACT_TOGETHER) {
      await Promise.all(entries.slice(at, at + COMPACT_TOGETHER).map((entry) => this.#appendAnew(entry)))
    }
  }

  async #appendAnew(entry: DirtyEntry<V, K>): Promise<void> {
    const { key, place } = entry
    if (place === undefined) return
    const record = await this.#log.get(place.lsn)
    // Behind a newer mark this one would be replayed in its place.
    const isNewest = (): boolean => this.#dirty.get(key) === entry && entry.place === place
    if (record === undefined || !isNewest() || this.#underway.has(key)) return
    await this.#append(record.data, (anew) => {
      if (isNewest()) entry.place = anew
      else this.noteSaved(anew)
    })
  }

  async #trim(): Promise<void> {
    const lowest = Math.min(this.#oldest()?.lsn ?? Number.POSITIVE_INFINITY, this.#acknowledgedLsn + 1)
    const isDue = this.#trimIsDue || this.#segmentStarts.some((firstLsn) => firstLsn <= lowest)
    if (!isDue || this.#log.status !== 'open') return
    this.#trimIsDue = true
    await this.#log.trim(lowest)
    this.#trimIsDue = false
    this.#segmentStarts = this.#segmentStarts.filter((firstLsn) => firstLsn > lowest)
  }
}
