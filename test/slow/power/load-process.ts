/**
 * Run as a process of its own: appends under load until it is killed, told to stop, or the log fails. It says `opening`,
 * `ready` and the next LSN, `generation` after a rollback, `full`, and in the end a summary; it is told `stop`, and `room` when
 * there is room again. What it was promised is on the board at every moment.
 */
import { createInterface } from 'node:readline'
import { SluiceError } from '../../../src/errors.js'
import type { Log } from '../../../src/log/contract.js'
import { openLog } from '../../../src/log/open-log.js'
import type { AckLevel } from '../../../src/options.js'
import { Random } from '../../../src/testing/random.js'
import { AckBoard } from './ack-board.js'
import { LOAD_POLICIES, type LoadOrder, type LoadSummary } from './load-orders.js'
import { LoadRecords } from './load-record.js'

const RECORDS_KEPT = 1500

/** Load.start writes it. */
const order = JSON.parse(process.argv[2] ?? '') as LoadOrder
const board = AckBoard.open(order.board)
const records = new LoadRecords(order.seed, order.largestRecordBytes)
const random = new Random(order.seed + order.generation)
const outcomes: Record<string, number> = {}
let generation = order.generation
let rollbacks = 0
let rotations = 0
let failure: string | undefined
let stopping = false
let room: Promise<void> | undefined
let roomIsThere: (() => void) | undefined
let trimming = false

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'stop') stopping = true
    room = undefined
    roomIsThere?.()
  })
  // Nobody is there any more who could want anything of this process.
  .on('close', () => process.exit(4))

say('opening')
let log: Log
try {
  log = await openLog(order.directory, {
    ...LOAD_POLICIES[order.policy],
    segmentBytes: order.segmentBytes,
    preparedSegments: order.preparedSegments ?? 0,
    maxPendingBytes: 64 * 1024 * 1024,
  })
} catch (error) {
  finish({ refusal: codeOf(error) })
}
board.raise('accepted', log.nextLsn - 1)
board.raise('durable', log.durableLsn)
log.on('durable', (lsn) => board.raise('durable', lsn))
log.on('rotate', () => {
  rotations++
})
log.on('failed', (error) => {
  failure = error.message
})
log.on('rollback', (lsn) => {
  rollbacks++
  generation++
  say(`generation ${generation} ${lsn + 1}`)
})
say(`ready ${log.nextLsn}`)
await Promise.all(Array.from({ length: order.producers }, produce))
let refusal: string | undefined
if (log.status === 'failed') refusal = await log.append('one more').then(() => 'none', codeOf)
const closing = await log.close().then(() => undefined, codeOf)
finish({ ...(refusal === undefined ? {} : { refusal }), ...(closing === undefined ? {} : { closing }) })

async function produce(): Promise<void> {
  while (!stopping && log.status === 'open') {
    await room
    await Promise.all(Array.from({ length: 1 + random.below(4) }, attempt))
    if (order.trims && !trimming && log.durableLsn - log.firstLsn > 2 * RECORDS_KEPT) await trim()
    // Where every append is refused at once, the orders must get in between.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Makes one call, and counts what becomes of it. */
async function attempt(): Promise<void> {
  try {
    const kind = random.below(50)
    if (kind === 0) board.raise('durable', await log.flush())
    else if (kind < 8) await append(2 + random.below(7), levelOf(kind))
    else await append(1, levelOf(kind))
  } catch (error) {
    const code = codeOf(error)
    outcomes[code] = (outcomes[code] ?? 0) + 1
    if (code.startsWith('SLUICE_DISK_FULL')) waitForRoom()
    // An error that is none of sluice's is a defect of the log, or of this program.
    if (!(error instanceof SluiceError)) {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
      process.exit(3)
    }
  }
}

function levelOf(kind: number): AckLevel | undefined {
  return kind % 6 === 1 ? 'written' : undefined
}

async function append(count: number, asked: AckLevel | undefined): Promise<void> {
  const groupFirst = log.nextLsn
  const last = groupFirst + count - 1
  const group = Array.from({ length: count }, (_, index) =>
    records.make({ generation, lsn: groupFirst + index, groupFirst, groupSize: count }),
  )
  board.raise('accepted', last)
  const options = asked === undefined ? {} : { ack: asked }
  const [only] = group
  const found =
    count === 1 && only !== undefined ? await log.append(only, options) : (await log.appendMany(group, options)).last
  if (found !== last) throw new Error(`LSN ${found} was assigned, and ${last} came next`)
  const policy: { ack?: AckLevel; flush: unknown } = LOAD_POLICIES[order.policy]
  const level = asked ?? policy.ack ?? (policy.flush === 'never' ? 'written' : 'durable')
  board.raise('written', last)
  if (level === 'durable' || order.claimsTooMuch === true) board.raise('durable', last)
  outcomes[level] = (outcomes[level] ?? 0) + 1
}

async function trim(): Promise<void> {
  trimming = true
  const target = log.durableLsn - RECORDS_KEPT
  board.raise('trimTarget', target)
  try {
    await log.trim(target)
    board.raise('trimmed', log.firstLsn)
  } catch (error) {
    const code = `trim: ${codeOf(error)}`
    outcomes[code] = (outcomes[code] ?? 0) + 1
  }
  trimming = false
}

function waitForRoom(): void {
  if (room !== undefined || stopping) return
  room = new Promise((resolve) => {
    roomIsThere = resolve
  })
  say('full')
}

function codeOf(error: unknown): string {
  if (!(error instanceof SluiceError)) return String(error)
  return error.outcome === undefined ? error.code : `${error.code}/${error.outcome}`
}

function finish(ending: { readonly refusal?: string; readonly closing?: string }): never {
  const summary: LoadSummary = {
    outcomes,
    rollbacks,
    rotations,
    ...(failure === undefined ? {} : { failure }),
    ...ending,
  }
  say(`summary ${JSON.stringify(summary)}`)
  process.exit(0)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
