import type { LogOptions } from '../../../src/log/contract.js'
import type { AckLevel, FlushOption } from '../../../src/options.js'
import type { CrashOptions, Fault, FileSystemCall, FileSystemCallName, Random } from '../../../src/testing/index.js'

/** One step of a workload. All that is left to chance was drawn when it was made: taking others out changes nothing here. */
export type Operation =
  | { readonly kind: 'append'; readonly id: number; readonly bytes: number; readonly ack: AckLevel }
  | { readonly kind: 'many'; readonly id: number; readonly sizes: readonly number[]; readonly ack: AckLevel }
  | { readonly kind: 'flush' }
  /** Trims up to this part of what there is, in thousandths. */
  | { readonly kind: 'trim'; readonly part: number }
  /** Lets the event loop turn. */
  | { readonly kind: 'turns'; readonly count: number }
  /** Waits for all that is pending. */
  | { readonly kind: 'settle' }
  /** Lets time pass. */
  | { readonly kind: 'pass'; readonly ms: number }
  /** Reads all through the log, or as another process would. */
  | { readonly kind: 'read' }
  | { readonly kind: 'peek' }
  /** Only so many bytes are left on the disk; or all the room there can be, again. */
  | { readonly kind: 'fill'; readonly leftBytes: number }
  | { readonly kind: 'room' }
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** Closes the log, and opens it again: once it is closed, or as soon as the lock can be had. */
  | { readonly kind: 'close' }
  | { readonly kind: 'takeover' }
  /** The process, or the machine, dies, and the log is opened again. */
  | { readonly kind: 'kill' }
  | { readonly kind: 'cut'; readonly crash: CrashOptions }

export type OperationKind = Operation['kind']

/** How often each kind of operation comes, and with what: what a workload is about. */
export interface Profile {
  readonly name: string
  readonly operations: number
  readonly weights: Readonly<Partial<Record<OperationKind, number>>>
  /** Bytes of a record: one of these. */
  readonly sizes: readonly number[]
  readonly options: readonly LogOptions[]
  /** Of a thousand states: how many are damaged after recovery. @default 10 */
  readonly damaged?: number
  /** Which faults come. @default all of them */
  readonly faults?: readonly Fault[]
}

/** A workload, as it is replayed. */
export interface Scenario {
  readonly seed: number
  readonly profile: Profile
  readonly options: LogOptions
  readonly operations: readonly Operation[]
  readonly stop: Stop | undefined
}

/** Where the world stops: at the call with this number, counted over the whole workload, or at the first one from there on that comes behind a change. */
export interface Stop {
  readonly call: number
  readonly behindChange: boolean
}

const CHANGES: readonly FileSystemCallName[] = [
  'openSync',
  'writeSync',
  'datasyncSync',
  'truncateSync',
  'renameSync',
  'removeSync',
  'makeDirectorySync',
  'syncDirectorySync',
  'write',
  'datasync',
]

/** Whether a call may change what a crash leaves. */
export function changes({ call }: FileSystemCall): boolean {
  return CHANGES.includes(call)
}

const SEGMENT = /\.seg$/
const NEW_SEGMENT = /\.tmp$/

const FAULTS: readonly Fault[] = [
  { call: 'datasyncSync', path: SEGMENT, error: 'EIO' },
  { call: 'datasyncSync', path: NEW_SEGMENT, error: 'EIO' },
  { call: 'datasyncSync', error: 'ENOSPC' },
  { call: 'datasyncSync', path: /mark$/, error: 'EIO' },
  { call: 'syncDirectorySync', error: 'EIO' },
  { call: 'writeSync', path: SEGMENT, error: 'EIO', short: 600 },
  { call: 'writeSync', path: SEGMENT, error: 'ENOSPC', short: 1000 },
  { call: 'writeSync', path: SEGMENT, error: 'EDQUOT' },
  { call: 'writeSync', path: SEGMENT, short: 513 },
  { call: 'writeSync', path: /mark$/, error: 'EDQUOT' },
  { call: 'renameSync', error: 'ENOSPC' },
  { call: 'renameSync', error: 'EIO' },
  { call: 'truncateSync', error: 'EIO' },
  { call: 'removeSync', error: 'EIO' },
  { call: 'openSync', path: NEW_SEGMENT, error: 'ENOSPC' },
  { call: 'datasync', error: 'EIO' },
  { call: 'write', error: 'ENOSPC' },
]

/** Draws a workload. */
export function drawScenario(seed: number, profile: Profile, numbers: Random): Scenario {
  const options = pick(numbers, profile.options)
  const operations: Operation[] = []
  for (let id = 1; operations.length < profile.operations; id++) operations.push(draw(id, profile, options, numbers))
  const stop = { call: 1 + numbers.below(profile.operations * 5), behindChange: numbers.below(3) > 0 }
  return { seed, profile, options, operations, stop: numbers.below(4) === 0 ? undefined : stop }
}

export function pick<Item>(numbers: Random, items: readonly Item[]): Item {
  const item = items[numbers.below(items.length)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}

function draw(id: number, profile: Profile, options: LogOptions, numbers: Random): Operation {
  switch (drawKind(profile.weights, numbers)) {
    case 'append':
      return { kind: 'append', id, bytes: pick(numbers, profile.sizes), ack: drawAck(options, numbers) }
    case 'many': {
      const sizes = Array.from({ length: 1 + numbers.below(6) }, () => pick(numbers, profile.sizes))
      return { kind: 'many', id, sizes, ack: drawAck(options, numbers) }
    }
    case 'flush':
      return { kind: 'flush' }
    case 'trim':
      return { kind: 'trim', part: numbers.below(1001) }
    case 'turns':
      return { kind: 'turns', count: 1 + numbers.below(4) }
    case 'pass':
      return { kind: 'pass', ms: 1 + numbers.below(8) }
    case 'fill':
      return { kind: 'fill', leftBytes: numbers.below(3) === 0 ? numbers.below(40_000) : numbers.below(5000) }
    case 'fault': {
      const fault = pick(numbers, profile.faults ?? FAULTS)
      return { kind: 'fault', fault: { ...fault, nth: 1 + numbers.below(4) } }
    }
    case 'cut':
      return { kind: 'cut', crash: drawCrash(numbers) }
    case 'read':
      return { kind: 'read' }
    case 'peek':
      return { kind: 'peek' }
    case 'room':
      return { kind: 'room' }
    case 'close':
      return { kind: 'close' }
    case 'takeover':
      return { kind: 'takeover' }
    case 'kill':
      return { kind: 'kill' }
    default:
      return { kind: 'settle' }
  }
}

function drawKind(weights: Profile['weights'], numbers: Random): string {
  const entries = Object.entries(weights)
  let drawn = numbers.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [kind, weight] of entries) {
    drawn -= weight
    if (drawn < 0) return kind
  }
  return 'settle'
}

/** What survives a power cut: mostly some of it. */
export function drawCrash(numbers: Random): CrashOptions {
  const drawn = numbers.below(8)
  return { seed: numbers.next(), keep: drawn === 0 ? 'none' : drawn === 1 ? 'all' : 'some' }
}

function drawAck({ flush }: LogOptions, numbers: Random): AckLevel {
  return durableIsPossible(flush) && numbers.below(5) > 0 ? 'durable' : 'written'
}

function durableIsPossible(flush: FlushOption | undefined): boolean {
  return flush !== 'never' && !(typeof flush === 'object' && flush.everyMs === undefined)
}
