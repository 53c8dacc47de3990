/**
 * Run as a process of its own: a disk whose write cache is gone with the power (`VolatileDisk`), as a file in a FUSE file
 * system that this process serves; a loop device over that file makes a block device of it. A flush of the loop device
 * arrives here as an fsync. Next to it lies the file `control`, which takes an order in JSON, and then reads as its answer.
 *
 * It is one loop over blocking calls, so a cut falls between two requests. The mount's folder, the image and a file for what is
 * seen come as arguments; it ends when it is unmounted.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { systemCode } from '../../../src/errors.js'
import { Random } from '../../../src/testing/random.js'
import { AckBoard } from './ack-board.js'
import type { Cut, CutOutcome, DiskAnswer, DiskOrder } from './disk-orders.js'
import {
  attributesReply,
  entryReply,
  FOPEN_DIRECT_IO,
  type FuseAttributes,
  type FuseRequest,
  initReply,
  nameOf,
  OPCODE,
  openReply,
  parseRequest,
  parseTransfer,
  REQUEST_BYTES_MAX,
  reply,
  statfsReply,
  writeReply,
} from './fuse-protocol.js'
import { FileImage, VolatileDisk } from './volatile-disk.js'

const ENOENT = 2
const EIO = 5
const ENOSYS = 38

const ROOT = 1n
const DISK = 2n
const CONTROL = 3n

const [folder = '', imagePath = '', seenPath = ''] = process.argv.slice(2)
const durableFd = openSync(imagePath, 'r+')
copySparse(imagePath, seenPath)
const disk = new VolatileDisk(new FileImage(openSync(seenPath, 'r+')), new FileImage(durableFd))
const diskBytes = fstatSync(durableFd).size
/** A cut that waits for its moment. */
let pending: Cut | undefined
let outcome: CutOutcome | undefined
let answer: DiskAnswer = { writes: 0, flushes: 0 }
/** What a disk in trouble answers with an error, and how often it still doesn't. */
let trouble: { readonly what: 'write' | 'flush'; after: number } | undefined
let writesToCut = 0
/** A disk that takes a flush for nothing, as some do. */
let lies = false

const device = mountFuse()
process.stdout.write('mounted\n')
serve()

function mountFuse(): number {
  const fd = openSync('/dev/fuse', 'r+')
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,max_read=1048576'
  const { status, stderr } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'sluice-power', folder], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`no FUSE file system could be mounted: ${stderr}`)
  return fd
}

function serve(): void {
  const buffer = Buffer.alloc(REQUEST_BYTES_MAX)
  for (;;) {
    let length: number
    try {
      length = readSync(device, buffer, 0, buffer.length, null)
    } catch (error) {
      if (systemCode(error) === 'ENODEV') return // unmounted
      if (systemCode(error) === 'EINTR' || systemCode(error) === 'ENOENT' || systemCode(error) === 'EAGAIN') continue
      throw error
    }
    const answered = handle(parseRequest(buffer.subarray(0, length)))
    if (answered === undefined) continue
    try {
      writeSync(device, answered)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error // The request was interrupted meanwhile: nobody waits for it.
    }
  }
}

function handle(request: FuseRequest): Buffer | undefined {
  switch (request.opcode) {
    case OPCODE.init:
      return initReply(request)
    case OPCODE.lookup: {
      const node = { disk: DISK, control: CONTROL }[nameOf(request)]
      return node === undefined ? reply(request, ENOENT) : entryReply(request, attributes(node))
    }
    case OPCODE.getattr:
    case OPCODE.setattr:
      return attributesReply(request, attributes(request.node))
    case OPCODE.open:
    case OPCODE.opendir:
      // Past the kernel's cache, which would take writes apart at its pages. Of a write of which a part fails, the loop
      // device says that it succeeded: a disk that lies, and not the one that is meant.
      return openReply(request, FOPEN_DIRECT_IO)
    case OPCODE.read:
      return read(request)
    case OPCODE.write:
      return write(request)
    case OPCODE.fsync:
      if (isInTrouble('flush')) return reply(request, EIO)
      cutPower('before-flush')
      if (!lies) disk.flush()
      cutPower('after-flush')
      return reply(request, 0)
    case OPCODE.statfs:
      return statfsReply(request)
    case OPCODE.flush:
    case OPCODE.release:
    case OPCODE.releasedir:
    case OPCODE.destroy:
      return reply(request, 0)
    case OPCODE.forget:
    case OPCODE.batchForget:
    case OPCODE.interrupt:
      return undefined
    default:
      return reply(request, ENOSYS)
  }
}

function read(request: FuseRequest): Buffer {
  const { offset, length } = parseTransfer(request)
  if (request.node === CONTROL) {
    // Read in pieces, it is to be the same answer in all of them.
    if (offset === 0) answer = { ...disk.counts, ...(outcome === undefined ? {} : { cut: outcome }) }
    return reply(request, 0, Buffer.from(JSON.stringify(answer)).subarray(offset))
  }
  const target = Buffer.alloc(Math.max(0, Math.min(length, diskBytes - offset)))
  disk.read(target, offset)
  return reply(request, 0, target)
}

function write(request: FuseRequest): Buffer {
  const { offset, data } = parseTransfer(request)
  if (request.node === CONTROL) {
    try {
      obey(JSON.parse(data.toString()))
    } catch (error) {
      process.stderr.write(`${error}\n`)
      return reply(request, EIO)
    }
  } else if (isInTrouble('write')) return reply(request, EIO)
  else {
    disk.write(data, offset)
    if (writesToCut > 0 && --writesToCut === 0) cutPower('after-writes')
  }
  return writeReply(request, data.length)
}

/** The orders come from disks.ts alone. */
function obey(order: DiskOrder): void {
  if (order.kind === 'trouble') trouble = { what: order.what, after: order.after }
  else if (order.kind === 'lie') lies = true
  else {
    pending = order
    outcome = undefined
    writesToCut = typeof order.moment === 'object' ? order.moment.afterWrites : 0
    cutPower('now')
  }
}

/** Makes the cut that waits for this moment, if there is one. */
function cutPower(moment: 'now' | 'before-flush' | 'after-flush' | 'after-writes'): void {
  if (pending === undefined) return
  const awaited = typeof pending.moment === 'object' ? 'after-writes' : pending.moment
  if (awaited !== moment) return
  const { path, manner, seed, tornUnitBytes } = pending
  const board = AckBoard.open(pending.board)
  const acknowledged = board.read()
  board.close()
  copySparse(imagePath, path)
  const copy = openSync(path, 'r+')
  const missing = disk.cut(new FileImage(copy), manner, new Random(seed), tornUnitBytes)
  closeSync(copy)
  outcome = { missing, acknowledged }
  pending = undefined
}

function isInTrouble(what: 'write' | 'flush'): boolean {
  if (trouble?.what !== what) return false
  if (trouble.after === 0) return true
  trouble.after--
  return false
}

function attributes(node: bigint): FuseAttributes {
  return { node, bytes: node === DISK ? diskBytes : 0, isFolder: node === ROOT }
}

function copySparse(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['--reflink=auto', '--sparse=always', from, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}
