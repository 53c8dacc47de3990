import { join } from 'node:path'
import type { SluiceError } from '../../../src/errors.js'
import { FRAME_HEADER_BYTES } from '../../../src/format/frame.js'
import type { Random, SimulatedFileSystem } from '../../../src/testing/index.js'
import { DIRECTORY } from '../simulated-log.js'
import { readAll, sameRecords } from './found-log.js'
import { type Found, lastLsnOf, Violation } from './model.js'
import { pick } from './operation.js'
import type { Subject } from './subject.js'

const MAGIC = 'SLFR'

/**
 * Flips a bit in a log that was recovered, so that a mark covers all of it. Whatever the bit is: either every record is
 * still there, or the log says that it is corrupt, and so does verify; and repair loses no more than it says (P7).
 */
export async function checkDamage(
  subject: Subject,
  fileSystem: SimulatedFileSystem,
  intact: Found,
  numbers: Random,
): Promise<void> {
  const where = flipBit(fileSystem, numbers)
  try {
    const { ok } = await subject.verifyLog(DIRECTORY, { fileSystem })
    const corrupt = await saysCorrupt(subject, fileSystem, intact)
    if (corrupt && ok) throw new Violation('the log is corrupt, and verify says that it is not')
    if (!ok) await checkRepair(subject, fileSystem, intact)
  } catch (error) {
    throw new Violation(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function flipBit(fileSystem: SimulatedFileSystem, numbers: Random): string {
  const names = fileSystem.listSync(DIRECTORY).filter((name) => name === 'mark' || name.endsWith('.seg'))
  const name = pick(numbers, names.sort())
  const fd = fileSystem.openSync(join(DIRECTORY, name), 'write')
  const at = drawPlace(fileSystem, fd, numbers)
  const bit = numbers.below(8)
  const byte = Buffer.alloc(1)
  fileSystem.readSync(fd, byte, 0, 1, at)
  byte.writeUInt8(byte.readUInt8(0) ^ (1 << bit))
  fileSystem.writeSync(fd, byte, 0, 1, at)
  fileSystem.datasyncSync(fd)
  fileSystem.closeSync(fd)
  return `bit ${bit} of byte ${at} of ${name} was flipped`
}

/** Anywhere in a file, but often in the header of a frame, which is small and says much. */
function drawPlace(fileSystem: SimulatedFileSystem, fd: number, numbers: Random): number {
  const bytes = Buffer.alloc(fileSystem.sizeSync(fd))
  fileSystem.readSync(fd, bytes, 0, bytes.length, 0)
  const frames: number[] = []
  for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) frames.push(at)
  if (frames.length === 0 || numbers.below(2) === 0) return numbers.below(bytes.length)
  return pick(numbers, frames) + numbers.below(FRAME_HEADER_BYTES)
}

/** Opens and reads. Whatever comes is what it was, and if not everything comes, an error says why. */
async function saysCorrupt(subject: Subject, fileSystem: SimulatedFileSystem, intact: Found): Promise<boolean> {
  // A copy: opening changes nothing where it refuses, but it does where it doesn't.
  const copy = fileSystem.stateAfterCrash({ keep: 'all' })
  const log = await subject.openLog(DIRECTORY, { fileSystem: copy, maxPendingBytes: 64 * 1024 }).catch(corruptOnly)
  if (log === undefined) return true
  const { firstLsn } = log
  if (firstLsn !== intact.firstLsn) throw new Violation(`the log begins with ${firstLsn}, not ${intact.firstLsn}`)
  const records: Buffer[] = []
  const timestamps: number[] = []
  let corrupt = false
  try {
    for await (const { data, timestamp } of log.read()) {
      records.push(data)
      timestamps.push(timestamp)
    }
  } catch (error) {
    corruptOnly(error)
    corrupt = true
  }
  await log.close()
  const expected = corrupt ? part(intact, firstLsn, records.length) : intact
  sameRecords({ firstLsn, records, timestamps }, expected, corrupt ? 'before the damage' : 'with the damage')
  return corrupt
}

function corruptOnly(error: unknown): undefined {
  // Another build has a class of its own, with the same fields.
  if ((error as Partial<SluiceError> | undefined)?.code === 'SLUICE_CORRUPT') return
  throw error
}

async function checkRepair(subject: Subject, fileSystem: SimulatedFileSystem, intact: Found): Promise<void> {
  const { lost } = await subject.repairLog(DIRECTORY, { fileSystem })
  const log = await subject.openLog(DIRECTORY, { fileSystem, maxPendingBytes: 64 * 1024 })
  const left = await readAll(log)
  await log.close()
  sameRecords(left, part(intact, left.firstLsn, left.records.length), 'after repair')
  for (let lsn = intact.firstLsn; lsn <= lastLsnOf(intact); lsn++) {
    const isLeft = lsn >= left.firstLsn && lsn <= lastLsnOf(left)
    const saidLost = lost.some(({ firstLsn, lastLsn }) => firstLsn <= lsn && lsn <= lastLsn)
    if (isLeft === saidLost) {
      throw new Violation(`after repair LSN ${lsn} is ${isLeft ? 'there' : 'gone'}, and said to be otherwise`)
    }
  }
}

/** So many records from `firstLsn` on. */
function part({ firstLsn: begin, records, timestamps }: Found, firstLsn: number, count: number): Found {
  const [from, to] = [firstLsn - begin, firstLsn - begin + count]
  return { firstLsn, records: records.slice(from, to), timestamps: timestamps.slice(from, to) }
}
