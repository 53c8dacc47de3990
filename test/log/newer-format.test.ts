import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { checksum } from '../../src/format/checksum.js'
import { MARK_SLOT_BYTES, MARK_SLOT_OFFSETS } from '../../src/format/mark.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { treeOf, writeLogFiles } from '../support/log-files.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Where version and checksum stand, and what is checked, in segment headers and mark slots alike. */
const [CHECKSUM_AT, VERSION_AT, CHECKED_TO] = [8, 12, MARK_SLOT_BYTES]

/** Makes a header, or a slot, say that it is of another version; and makes its checksum fit that, or not. */
function setVersion(path: string, at: number, version: number, checked = true): void {
  const bytes = readFileSync(path)
  bytes.writeUInt16LE(version, at + VERSION_AT)
  if (checked) bytes.writeUInt32LE(checksum(bytes.subarray(at + VERSION_AT, at + CHECKED_TO)), at + CHECKSUM_AT)
  writeFileSync(path, bytes)
}

const SEGMENTS = ['0000000000000001.seg', '0000000000000003.seg', '0000000000000005.seg'] as const

function threeSegments(t: ExecutionContext): string {
  const directory = temporaryDirectory(t)
  const segments = [{ frames: [['a', 'b']] }, { frames: [['c', 'd']] }, { frames: [['e', 'f']] }]
  writeLogFiles(directory, { segments })
  // So that the lock file is there, which is the only one that a refused opening may touch.
  writeFileSync(join(directory, 'lock'), '')
  return directory
}

/** Asserts that the log is not opened, whoever asks and how often, and that not a byte of it is changed. */
async function isUnsupported(t: ExecutionContext, directory: string, named: RegExp): Promise<void> {
  const { lock: _, ...before } = treeOf(directory)
  for (let time = 0; time < 2; time++) {
    const expected = { instanceOf: SluiceError, code: 'SLUICE_UNSUPPORTED_FORMAT', message: named }
    await t.throwsAsync(openLog(directory), expected)
  }
  const { lock: __, ...after } = treeOf(directory)
  t.deepEqual(after, before)
}

for (const version of [2, 3, 65_535]) {
  for (const name of SEGMENTS) {
    test(`a segment of version ${version} makes its log unsupported, not corrupt: ${name}`, async (t) => {
      const directory = threeSegments(t)
      setVersion(join(directory, name), 0, version)
      await isUnsupported(t, directory, new RegExp(`${name}.*version ${version}`))
      const reader = await openLogReader(directory)
      const error = await t.throwsAsync(reader.get(Number(name.slice(0, 16))), { instanceOf: SluiceError })
      t.is(error?.code, 'SLUICE_UNSUPPORTED_FORMAT')
      await reader.close()
    })
  }

  for (const slot of MARK_SLOT_OFFSETS) {
    test(`a mark of version ${version} makes its log unsupported, not corrupt: the slot at ${slot}`, async (t) => {
      const directory = threeSegments(t)
      setVersion(join(directory, 'mark'), slot, version)
      await isUnsupported(t, directory, new RegExp(`mark.*version ${version}`))
      const expected = { instanceOf: SluiceError, code: 'SLUICE_UNSUPPORTED_FORMAT' }
      await t.throwsAsync(openLogReader(directory), expected)
    })
  }
}

test('a version whose checksum does not match is damage', async (t) => {
  const directory = threeSegments(t)
  setVersion(join(directory, SEGMENTS[1]), 0, 2, false)
  const error = await t.throwsAsync(openLog(directory), { instanceOf: SluiceError, code: 'SLUICE_CORRUPT' })
  t.like(error, { segment: SEGMENTS[1], offset: 0, firstLsn: 3, lastLsn: 4 })
})

test('a damaged mark slot of a newer version is a torn one: the other slot tells', async (t) => {
  const directory = threeSegments(t)
  setVersion(join(directory, 'mark'), MARK_SLOT_OFFSETS[1], 2, false)
  const log = await openLog(directory)
  t.like(log, { firstLsn: 1, durableLsn: 6 })
  await log.close()
})
