import { randomFillSync } from 'node:crypto'
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { frameBytesFor, recordBytes } from '../../src/format/frame.js'
import { type Driver, RECORD_BYTES } from './driver.js'

const MIB = 1024 * 1024
const FILE_BYTES = 64 * MIB

/**
 * The limit: nothing but write and fdatasync, on the main thread, over a file that was filled with zeros and synced
 * beforehand. Each write has the bytes of a frame with one record of every producer.
 */
export const device: Driver = {
  description: 'a bare loop of write and fdatasync with the bytes of a whole batch, over a file of zeros',
  preparation: 'outside the clock',
  warmUpSeconds: 0.5,
  async open({ directory, producers }) {
    const fd = openSync(join(directory, 'region'), 'w')
    const zeros = Buffer.alloc(MIB)
    for (let position = 0; position < FILE_BYTES; position += MIB) writeFully(fd, zeros, position)
    fsyncSync(fd)
    const frame = randomFillSync(Buffer.alloc(frameBytesFor(producers * recordBytes(RECORD_BYTES))))
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

function writeFully(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}
