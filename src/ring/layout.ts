/*
 * The memory that the coordinator and the writer share: a control block and the ring of frames.
 *
 * The control block, in 32-bit words; words that different threads write lie on different cache lines:
 *
 *     0  SIGNAL      coordinator counts up with each piece of news; the writer waits on it
 *     1  PUBLISHED   coordinator: frames shown to the writer so far
 *     2  CLOSE       coordinator: 1 once the log is closing
 *     3  TRIMS       coordinator: trims asked for so far
 *    16  TAKEN       writer: frames that it has begun to commit
 *    17  REPORTS     writer: reports posted so far
 *    18  NOTIFIED    1 while a message about reports is on its way; either side, by exchange
 *    19  FORETOLD    writer: 1 from when it foretells a report until it posts one
 *    32  STATE       see below; either side, by compare-and-exchange
 *    48  REPORTS_READ  coordinator: reports read so far; the writer waits on it when the slots are full
 *
 * Then two 64-bit words, FLUSH_TARGET and TRIM_TARGET (coordinator), the report slots (writer), and the text of an error.
 *
 * Memory ordering: everything that isn't atomic (frames, report slots, the error's text) is written before the counter
 * that publishes it is stored, and read after that counter was loaded. Counters wrap; compare them by difference.
 */

export const SIGNAL = 0
export const PUBLISHED = 1
export const CLOSE = 2
export const TRIMS = 3
export const TAKEN = 16
export const REPORTS = 17
export const NOTIFIED = 18
export const FORETOLD = 19
export const STATE = 32
export const REPORTS_READ = 48

/** No task runs: whoever publishes sets RUNNING and starts one. */
export const STATE_IDLE = 0
/** A task drains the ring, or has been asked for. */
export const STATE_RUNNING = 1
/** The writer refuses: after a rollback until it is resumed, after a failure for good. Only the coordinator leaves it. */
export const STATE_STOPPED = 2

export const WORDS = 64
export const TARGETS_AT = WORDS * 4
export const FLUSH_TARGET = 0
export const TRIM_TARGET = 1

export const REPORT_SLOTS = 1024
export const REPORT_FIELDS = 16
export const REPORT_SLOTS_AT = TARGETS_AT + 64
export const ERROR_BYTES = 16 * 1024
export const ERROR_AT = REPORT_SLOTS_AT + REPORT_SLOTS * REPORT_FIELDS * 8
export const CONTROL_BYTES = ERROR_AT + 4 + ERROR_BYTES

/*
 * While a frame is a draft, the places of its checksums and mark carry what the writer must know of it: at 4 the
 * checksum of its body without a seed, where the coordinator made it, at 40 the moment of its handover (a float, see
 * clock.ts), at 48 its flags.
 */
export const DRAFT_CHECKSUM_AT = 4
export const DRAFT_HANDED_OVER_AT = 40
export const DRAFT_FLAGS_AT = 48
/** Somebody waits for this frame to be written, not only for it to be durable. */
export const DRAFT_WANTS_WRITTEN = 1
/** {@link DRAFT_CHECKSUM_AT} holds the checksum of its body. */
export const DRAFT_CHECKSUMMED = 2

/** No frame is smaller: a header, one empty record, padding. */
const LEAST_FRAME_BYTES = 64

/** The shared memory. It can be posted to a thread. */
export interface RingMemory {
  readonly control: SharedArrayBuffer
  readonly frames: SharedArrayBuffer
  /** Where the frame with each number begins, in units of 8 bytes: number modulo length, a power of two. */
  readonly places: SharedArrayBuffer
}

/** Makes the memory for a ring that holds `capacityBytes` of frames: places never run out before bytes do. */
export function createRingMemory(capacityBytes: number): RingMemory {
  const places = 2 ** Math.ceil(Math.log2(capacityBytes / LEAST_FRAME_BYTES + 1))
  return {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    frames: new SharedArrayBuffer(Math.floor(capacityBytes / 8) * 8),
    places: new SharedArrayBuffer(places * 4),
  }
}
