import fs, {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openedDirectly } from '../../src/fs/direct-file.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { allocatePages, PAGE_BYTES, pageCeil, pageFloor } from '../../src/fs/pages.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { missingSmallDisk, onSmallDisk } from '../support/small-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

function folder(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-direct-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

test('pages begin and end at multiples of their size, and memory for them is zero', (t) => {
  t.deepEqual([0, 1, 4095, 4096, 4097].map(pageFloor), [0, 0, 0, 4096, 4096])
  t.deepEqual([0, 1, 4095, 4096, 4097].map(pageCeil), [0, 4096, 4096, 4096, 8192])
  t.is(pageCeil(2 ** 40 + 1), 2 ** 40 + 4096, 'also past 32 bits')
  const { memory, aligned } = allocatePages(100_000)
  t.true(aligned)
  t.true(memory.length >= 100_000)
  t.true(memory.every((byte) => byte === 0))
})

test('a file that is made for direct access is empty, private, and takes pages', (t) => {
  const path = join(folder(t), 'file')
  const fd = nodeFileSystem.openSync(path, 'create', 'direct')
  t.is(nodeFileSystem.sizeSync(fd), 0)
  t.is(statSync(path).mode & 0o777, 0o600)
  const { memory } = allocatePages(2 * PAGE_BYTES)
  memory.fill(7)
  t.is(nodeFileSystem.writeSync(fd, memory, 0, 2 * PAGE_BYTES, PAGE_BYTES), 2 * PAGE_BYTES)
  nodeFileSystem.datasyncSync(fd)
  nodeFileSystem.truncateSync(fd, PAGE_BYTES + 100)
  nodeFileSystem.closeSync(fd)
  t.deepEqual(readFileSync(path), Buffer.concat([Buffer.alloc(PAGE_BYTES), Buffer.alloc(100, 7)]))
  t.throws(() => nodeFileSystem.openSync(path, 'create', 'direct'), { code: 'EEXIST' })
})

test('a file that is there keeps its bytes, and its end, and can be read from its last page on', (t) => {
  const path = join(folder(t), 'file')
  const bytes = Buffer.from(Uint8Array.from({ length: 5000 }, (_, index) => index % 256))
  writeFileSync(path, bytes)
  const fd = nodeFileSystem.openSync(path, 'write', 'direct')
  const { memory } = allocatePages(PAGE_BYTES)
  t.is(nodeFileSystem.readSync(fd, memory, 0, PAGE_BYTES, PAGE_BYTES), 5000 - PAGE_BYTES)
  t.deepEqual(memory.subarray(0, 5000 - PAGE_BYTES), bytes.subarray(PAGE_BYTES))
  nodeFileSystem.closeSync(fd)
  t.deepEqual(readFileSync(path), bytes)
})

test('what is written past the cache is at once what others read through it', (t) => {
  const path = join(folder(t), 'file')
  const writing = nodeFileSystem.openSync(path, 'create', 'direct')
  const reading = openSync(path, 'r')
  const { memory } = allocatePages(PAGE_BYTES)
  for (let round = 1; round <= 200; round++) {
    memory.fill(round)
    nodeFileSystem.writeSync(writing, memory, 0, PAGE_BYTES, 0)
    const seen = Buffer.alloc(PAGE_BYTES)
    readSync(reading, seen, 0, PAGE_BYTES, 0)
    if (!seen.equals(memory.subarray(0, PAGE_BYTES))) t.fail(`round ${round}: an old page was read`)
  }
  closeSync(reading)
  nodeFileSystem.closeSync(writing)
  t.is(statSync(path).size, PAGE_BYTES)
})

test('where a file can’t be opened once more, the descriptor that there is goes on', (t) => {
  const path = join(folder(t), 'file')
  writeFileSync(path, 'x')
  const fd = openSync(path, 'r+')
  t.is(openedDirectly(fd, `${path}-gone`), fd)
  t.is(nodeFileSystem.sizeSync(fd), 1)
  closeSync(fd)
})

testWith(test, missingSmallDisk())('a full disk leaves no half-made file in the way of the next attempt', async (t) => {
  const directory = temporaryDirectory(t)
  const wrapper = onSmallDisk(directory, '64k')
  const { code, lines, complaints } = await new FixtureProcess(t, 'direct-on-full-disk', [directory], {
    wrapper,
  }).end()
  t.is(code, 0, complaints)
  const found = JSON.parse(lines[0] ?? '')
  t.true(found.bytes > 0)
  t.deepEqual(found.full, { outcome: 'ENOSPC', names: ['filler'] })
  t.deepEqual(found.afterwards, { outcome: 'opened', names: ['file'] })
})

const onLinux = testWith(test, process.platform === 'linux' ? undefined : 'only Linux has /proc/self/fd')

onLinux('opening directly leaves one descriptor (skipped elsewhere: there is no /proc/self/fd)', (t) => {
  const path = join(folder(t), 'file')
  const before = readdirSync('/proc/self/fd').length
  const fd = nodeFileSystem.openSync(path, 'create', 'direct')
  t.is(readdirSync('/proc/self/fd').length, before + 1)
  nodeFileSystem.closeSync(fd)
  t.is(readdirSync('/proc/self/fd').length, before)
})

onLinux('the cache is bypassed where the file system can (skipped elsewhere: Node has no flag for it)', (t) => {
  const path = join(folder(t), 'file')
  const fd = nodeFileSystem.openSync(path, 'create', 'direct')
  const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? ''
  nodeFileSystem.closeSync(fd)
  let possible = true
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_DIRECT))
  } catch {
    possible = false
    t.log(`${tmpdir()} lies on a file system without direct access: only the way round that was tested`)
  }
  t.is((Number.parseInt(flags, 8) & constants.O_DIRECT) !== 0, possible)
})

// Only where there is direct access is anything written when a file is made.
const testOnLinux = testWith(
  test.serial,
  constants.O_DIRECT === undefined ? 'Node knows no direct access (O_DIRECT) here' : undefined,
)

testOnLinux(
  'a disk that is full when a file is made for direct access leaves none in the way of the next attempt',
  (t) => {
    const directory = temporaryDirectory(t)
    const path = join(directory, '0000000000000001.seg.tmp')
    const { writeSync } = fs
    t.teardown(() => {
      fs.writeSync = writeSync
      syncBuiltinESMExports()
    })
    fs.writeSync = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    syncBuiltinESMExports()
    t.throws(() => nodeFileSystem.openSync(path, 'create', 'direct'), { code: 'ENOSPC' })
    t.deepEqual(readdirSync(directory), [])
    fs.writeSync = writeSync
    syncBuiltinESMExports()
    nodeFileSystem.closeSync(nodeFileSystem.openSync(path, 'create', 'direct'))
    t.deepEqual(readdirSync(directory), ['0000000000000001.seg.tmp'])
  },
)
