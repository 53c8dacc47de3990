/**
 * As much of the FUSE protocol (linux/fuse.h, version 7.31 and later ones) as a file system with two files needs. All
 * numbers are in the byte order of the machine, which is little-endian wherever this runs.
 */
export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  releasedir: 29,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const

const IN_HEADER_BYTES = 40
const OUT_HEADER_BYTES = 16
const WRITE_IN_BYTES = 40
/** The kernel hands over at most this in one write. */
export const MAX_WRITE_BYTES = 1024 * 1024
/** A request: header, arguments, data. */
export const REQUEST_BYTES_MAX = MAX_WRITE_BYTES + 4096

const S_IFDIR = 0o040_000
const S_IFREG = 0o100_000
/** Reads and writes come here as they are made, past the kernel's cache. */
export const FOPEN_DIRECT_IO = 1
const FUSE_BIG_WRITES = 1 << 5
const FUSE_MAX_PAGES = 1 << 22
const VALID_SECONDS = 3600n

/** A request of the kernel's; `body` is what follows the header, and is overwritten by the next request. */
export interface FuseRequest {
  readonly opcode: number
  readonly unique: bigint
  readonly node: bigint
  readonly body: Buffer
}

export interface FuseAttributes {
  readonly node: bigint
  readonly bytes: number
  readonly isFolder: boolean
}

export function parseRequest(bytes: Buffer): FuseRequest {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: bytes.readBigUInt64LE(16),
    body: bytes.subarray(IN_HEADER_BYTES, bytes.readUInt32LE(0)),
  }
}

/** `errno` is a positive number, as in errno.h; 0 for success. */
export function reply(request: FuseRequest, errno: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(OUT_HEADER_BYTES + payload.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeInt32LE(-errno, 4)
  bytes.writeBigUInt64LE(request.unique, 8)
  bytes.set(payload, OUT_HEADER_BYTES)
  return bytes
}

/** Offset and length of a read, and of a write; a write's data. */
export function parseTransfer(request: FuseRequest): { offset: number; length: number; data: Buffer } {
  const { body } = request
  return {
    offset: Number(body.readBigUInt64LE(8)),
    length: body.readUInt32LE(16),
    data: body.subarray(WRITE_IN_BYTES),
  }
}

export function nameOf(request: FuseRequest): string {
  return request.body.toString('utf8', 0, request.body.indexOf(0))
}

/** The answer to `init`: the kernel's version of the protocol, and how much it may hand over at once. */
export function initReply(request: FuseRequest): Buffer {
  const payload = Buffer.alloc(64)
  payload.writeUInt32LE(7, 0)
  payload.writeUInt32LE(31, 4)
  payload.writeUInt32LE(request.body.readUInt32LE(8), 8) // read-ahead, as the kernel would have it
  payload.writeUInt32LE(FUSE_BIG_WRITES | FUSE_MAX_PAGES, 12)
  payload.writeUInt16LE(64, 16) // requests in the background
  payload.writeUInt16LE(48, 18)
  payload.writeUInt32LE(MAX_WRITE_BYTES, 20)
  payload.writeUInt32LE(1, 24) // time in nanoseconds
  payload.writeUInt16LE(MAX_WRITE_BYTES / 4096, 28)
  return reply(request, 0, payload)
}

export function entryReply(request: FuseRequest, file: FuseAttributes): Buffer {
  const payload = Buffer.alloc(128)
  payload.writeBigUInt64LE(file.node, 0)
  payload.writeBigUInt64LE(VALID_SECONDS, 16)
  payload.writeBigUInt64LE(VALID_SECONDS, 24)
  writeAttributes(payload.subarray(40), file)
  return reply(request, 0, payload)
}

export function attributesReply(request: FuseRequest, file: FuseAttributes): Buffer {
  const payload = Buffer.alloc(104)
  payload.writeBigUInt64LE(VALID_SECONDS, 0)
  writeAttributes(payload.subarray(16), file)
  return reply(request, 0, payload)
}

export function openReply(request: FuseRequest, flags: number): Buffer {
  const payload = Buffer.alloc(16)
  payload.writeUInt32LE(flags, 8)
  return reply(request, 0, payload)
}

export function writeReply(request: FuseRequest, bytes: number): Buffer {
  const payload = Buffer.alloc(8)
  payload.writeUInt32LE(bytes, 0)
  return reply(request, 0, payload)
}

export function statfsReply(request: FuseRequest): Buffer {
  const payload = Buffer.alloc(80)
  payload.writeUInt32LE(4096, 40)
  payload.writeUInt32LE(255, 44)
  return reply(request, 0, payload)
}

function writeAttributes(target: Buffer, { node, bytes, isFolder }: FuseAttributes): void {
  target.writeBigUInt64LE(node, 0)
  target.writeBigUInt64LE(BigInt(bytes), 8)
  target.writeBigUInt64LE(BigInt(Math.ceil(bytes / 512)), 16)
  target.writeUInt32LE(isFolder ? S_IFDIR | 0o700 : S_IFREG | 0o600, 60)
  target.writeUInt32LE(isFolder ? 2 : 1, 64)
  target.writeUInt32LE(4096, 80)
}
