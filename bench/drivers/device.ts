import { randomFillSync } from 'node:crypto'
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { frameBytesFor, recordBytes } from '../../src/format/frame.js'
import type { Driver, DriverSetting } from './driver.js'

const MIB = 1024 * 1024
const FILE_BYTES = 64 * MIB
const PROMISE = { text: 'the bytes survive a power cut: nothing finds them again', isP1: false }

/**
 * The limit: nothing but write and fdatasync, on the main thread, over a file that was filled with zeros and synced
 * beforehand. Each write has the bytes of a frame with one append of every producer.
 */
export const device: Driver = {
  role: 'limit',
  description: 'a bare loop of write and fdatasync with the bytes of a whole batch, over a file of zeros',
  promise: PROMISE,
  preparation: 'outside the clock',
  warmUpSeconds: 0.5,
  async open(setting) {
    const fd = openSync(join(setting.directory, 'region'), 'w')
    fillWithZeros(fd)
    const frame = frameOfAll(setting)
    let position = 0
    return {
      kind: 'synchronous',
      commit() {
        if (position + frame.length > FILE_BYTES) position = 0
        writeFully(fd, frame, position)
        fdatasyncSync(fd)
        position += frame.length
      },
      async close() {
        closeSync(fd)
      },
    }
  },
}

/** The same, but each file is used once, as a log does, and filled with zeros while the clock runs. */
export const devicePreparing: Driver = {
  role: 'limit',
  description: 'the same over a new file every 64 MiB, which is filled with zeros first',
  promise: PROMISE,
  preparation: 'inside the clock',
  warmUpSeconds: 0.5,
  open: (setting) => openRotating(setting, fillWithZeros),
}

/** The same without any preparation: the file grows with each write. */
export const deviceGrowing: Driver = {
  role: 'limit',
  description: 'the same over a new file every 64 MiB, which grows with each write',
  promise: PROMISE,
  preparation: 'none',
  warmUpSeconds: 0.5,
  open: (setting) => openRotating(setting, () => {}),
}

async function openRotating(setting: DriverSetting, prepare: (fd: number) => void) {
  const frame = frameOfAll(setting)
  const path = join(setting.directory, 'region')
  let fd: number | undefined
  let position = 0
  return {
    kind: 'synchronous' as const,
    commit() {
      if (fd !== undefined && position + frame.length > FILE_BYTES) {
        closeSync(fd)
        // Else a long trial would fill the disk. The clock is running, but it takes next to nothing.
        rmSync(path)
        fd = undefined
      }
      if (fd === undefined) {
        fd = openSync(path, 'w')
        prepare(fd)
        position = 0
      }
      writeFully(fd, frame, position)
      fdatasyncSync(fd)
      position += frame.length
    },
    async close() {
      if (fd !== undefined) closeSync(fd)
    },
  }
}

function frameOfAll({ producers, recordsPerAppend, recordBytes: dataBytes }: DriverSetting): Buffer {
  return randomFillSync(Buffer.alloc(frameBytesFor(producers * recordsPerAppend * recordBytes(dataBytes))))
}

function fillWithZeros(fd: number): void {
  const zeros = Buffer.alloc(MIB)
  for (let position = 0; position < FILE_BYTES; position += MIB) writeFully(fd, zeros, position)
  fsyncSync(fd)
}

function writeFully(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}
