import { randomBytes } from 'node:crypto'

/** Random bytes, all of them ASCII: peers that store text then store as many bytes as the others. */
export function randomRecord(bytes: number): Buffer {
  return Buffer.from(randomBytes(bytes).toString('base64').slice(0, bytes), 'latin1')
}
