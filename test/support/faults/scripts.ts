import { segmentFileName } from '../../../src/format/file-names.js'
import type { Log, LogOptions } from '../../../src/log/contract.js'
import type { AckLevel } from '../../../src/options.js'
import { SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY } from '../simulated-log.js'
import { type Beginning, Story } from './story.js'

/** Something that is done with logs, call by call the same whenever it is done. */
export interface Script {
  readonly name: string
  /** What it begins with: made once, and copied for each run. */
  begin(): Promise<Beginning>
  run(story: Story): Promise<void>
}

const SMALL_SEGMENT_BYTES = 16 * 1024
/** The next batch with a record of this size begins a new segment. */
const LARGE_BYTES = SMALL_SEGMENT_BYTES - 4096
const HOUR_MS = 3_600_000

/** Each flush policy; those that put syncs off sync when they are asked to, so that nothing depends on time. */
export const POLICIES: readonly LogOptions[] = [
  { flush: 'batch' },
  { flush: 'immediate' },
  { flush: { everyMs: HOUR_MS } },
  { flush: { everyRecords: 3, everyMs: HOUR_MS } },
  { flush: 'never' },
  { flush: 'batch', directorySync: 'always' },
]

/** From nothing to several segments and back to few, with everything that can be done beside, and a second session. */
export function wholeLife(policy: LogOptions): Script {
  const options: LogOptions = { ...policy, segmentBytes: SMALL_SEGMENT_BYTES, maxPendingBytes: 256 * 1024 }
  const ack: AckLevel = policy.flush === 'never' ? 'written' : 'durable'
  return {
    name: `a whole life, ${JSON.stringify(policy)}`,
    begin: nothing,
    async run(story) {
      await inLog(story, options, async (log) => {
        story.follow(log)
        story.append(log, ack)
        story.append(log, 'written')
        story.appendMany(log, ack, 3)
        await story.flush(log)
        for (let segment = 0; segment < 3; segment++) {
          story.append(log, ack, LARGE_BYTES)
          story.append(log, ack)
          await story.flush(log)
        }
        await story.readAll(log)
        await story.trim(log, Math.max(1, log.nextLsn - 1))
        await story.get(log, 1)
        story.append(log, 'written')
        story.append(log, ack)
        await story.flush(log)
        await story.readBeside()
        story.append(log, ack)
      })
      await inLog(story, options, async (log) => {
        await story.readAll(log)
        story.appendMany(log, ack, 2)
        await story.flush(log)
      })
    },
  }
}

/** Large enough for the next segment to be prepared in the background, and for zeros ahead. */
export function prepared(policy: LogOptions): Script {
  const options: LogOptions = { ...policy, segmentBytes: 1024 * 1024, maxPendingBytes: 1024 * 1024 }
  return {
    name: `segments prepared in the background, ${JSON.stringify(policy)}`,
    begin: nothing,
    async run(story) {
      await inLog(story, options, async (log) => {
        for (let count = 0; count < 20; count++) {
          story.append(log, 'durable', 60_000)
          await story.flush(log)
        }
      })
    },
  }
}

/** Opens what a crash left: frames above the mark, or a torn tail, or no mark file. */
function recovery(name: string, begin: () => Promise<Beginning>): Script {
  const options: LogOptions = { segmentBytes: SMALL_SEGMENT_BYTES, maxPendingBytes: 256 * 1024 }
  return {
    name: `recovery of ${name}`,
    begin,
    async run(story) {
      await inLog(story, options, async (log) => {
        await story.readAll(log)
        story.append(log, 'durable')
        await story.flush(log)
      })
      await inLog(story, options, (log) => story.readAll(log))
    },
  }
}

/** What recovery finds: a log of two segments whose process was killed, and what happened to it then. */
export const LEFTOVERS: readonly Script[] = [
  recovery('frames above the mark', () => killed(() => {})),
  recovery('a torn tail', () => killed(({ fileSystem, lastSegment }) => tear(fileSystem, lastSegment))),
  recovery('a log without its mark file', () => killed(({ fileSystem }) => fileSystem.removeSync(`${DIRECTORY}/mark`))),
]

/** A sealed segment is damaged: it is verified, repaired, and opened again. */
export const REPAIR: Script = {
  name: 'verify and repair',
  async begin() {
    const { fileSystem, told } = await killed(({ fileSystem, told }) => {
      const path = `${DIRECTORY}/${segmentFileName(1)}`
      const offset = contentsOf(fileSystem, path).indexOf(told[1]?.texts[1] ?? 'nothing')
      overwrite(fileSystem, path, 'damage', offset)
    })
    // What lies behind the damage goes.
    return {
      fileSystem,
      told: told.map((each) => (each.firstLsn === 1 ? each : { ...each, outcome: 'indeterminate' })),
      damaged: true,
    }
  },
  async run(story) {
    await story.verify()
    if (!(await story.repair())) return
    await inLog(story, { segmentBytes: SMALL_SEGMENT_BYTES, maxPendingBytes: 256 * 1024 }, async (log) => {
      await story.readAll(log)
      story.append(log, 'durable')
      await story.flush(log)
    })
  },
}

/** Opens a log, does something with it, and closes it; nothing is done where it can't be opened. */
async function inLog(story: Story, options: LogOptions, work: (log: Log) => Promise<void>): Promise<void> {
  const log = await story.open(options)
  if (log === undefined) return
  await work(log)
  await story.close(log)
}

async function nothing(): Promise<Beginning> {
  return { fileSystem: new SimulatedFileSystem(), told: [] }
}

interface Leftover extends Beginning {
  readonly lastSegment: string
}

/** A log of two segments, with records of all levels, whose process was killed; then something happens to it. */
async function killed(change: (leftover: Leftover) => void): Promise<Beginning> {
  const story = new Story(await nothing())
  const log = await story.open({
    flush: { everyMs: HOUR_MS },
    segmentBytes: SMALL_SEGMENT_BYTES,
    maxPendingBytes: 256 * 1024,
  })
  if (log === undefined) throw new Error('a log on a sound disk could not be opened')
  story.append(log, 'durable')
  story.appendMany(log, 'durable', 3)
  await story.flush(log)
  const lastSegment = `${DIRECTORY}/${segmentFileName(log.nextLsn)}`
  story.append(log, 'durable', LARGE_BYTES)
  await story.flush(log)
  story.append(log, 'written')
  story.appendMany(log, 'written', 2)
  await story.settle()
  const { told } = story
  const fileSystem = story.fileSystem.killProcess()
  change({ fileSystem, told, lastSegment })
  // All of it survives: what isn't durable is not what these are about.
  return { fileSystem: fileSystem.crash({ keep: 'all' }), told }
}

/** Leaves bytes behind the last frame that are none. */
function tear(fileSystem: SimulatedFileSystem, path: string): void {
  const bytes = contentsOf(fileSystem, path)
  let end = bytes.length
  while (bytes[end - 1] === 0) end--
  overwrite(fileSystem, path, 'torn'.repeat(100), end + 100)
}

function contentsOf(fileSystem: SimulatedFileSystem, path: string): Buffer {
  const fd = fileSystem.openSync(path, 'read')
  const bytes = Buffer.alloc(fileSystem.sizeSync(fd))
  fileSystem.readSync(fd, bytes, 0, bytes.length, 0)
  fileSystem.closeSync(fd)
  return bytes
}

function overwrite(fileSystem: SimulatedFileSystem, path: string, text: string, offset: number): void {
  const fd = fileSystem.openSync(path, 'write')
  const bytes = Buffer.from(text)
  fileSystem.writeSync(fd, bytes, 0, bytes.length, offset)
  fileSystem.closeSync(fd)
}
