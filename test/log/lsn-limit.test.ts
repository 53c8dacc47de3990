import test from 'ava'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { buildLog } from '../support/build-log.js'
import { DIRECTORY, openSimulated, putFiles, rejects, textsOf, throws } from '../support/simulated-log.js'

const LAST = Number.MAX_SAFE_INTEGER

test('LSNs go up to 2^53 - 1: appended, read, trimmed and recovered like any other, and refused past it', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { files } = buildLog({ firstLsn: LAST - 6, segments: [{ frames: [['a', 'b'], ['c']] }] })
  putFiles(fileSystem, DIRECTORY, files)
  const options = { segmentBytes: 16 * 1024 }
  const { log } = await openSimulated(options, fileSystem)
  t.deepEqual([log.firstLsn, log.durableLsn, log.nextLsn], [LAST - 6, LAST - 4, LAST - 3])
  const past = { code: 'SLUICE_INVALID_ARGUMENT', mentions: '2^53 - 1' } as const
  throws(t, () => log.appendMany(['1', '2', '3', '4', '5']), past)
  t.deepEqual(await log.appendMany(['d', 'e']), { first: LAST - 3, last: LAST - 2 })
  t.is(await log.append('f'.repeat(12_150)), LAST - 1, 'in a segment of its own')
  t.is(await log.append('g'), LAST)
  for (let attempt = 0; attempt < 3; attempt++) {
    throws(t, () => log.append('h'), past)
    throws(t, () => log.appendMany(['h']), past)
  }
  t.is(log.durableLsn, LAST)
  t.is(await log.flush(), LAST)
  t.is((await log.get(LAST))?.data.toString(), 'g')
  t.is((await textsOf(log)).length, 7)
  await log.trim(LAST)
  t.is(log.firstLsn, LAST - 1)
  await log.close()

  const { log: reopened } = await openSimulated(options, fileSystem.crash({ keep: 'none' }))
  t.deepEqual([reopened.firstLsn, reopened.durableLsn], [LAST - 1, LAST])
  throws(t, () => reopened.append('h'), past)
  t.deepEqual(await textsOf(reopened), ['f'.repeat(12_150), 'g'])
  await rejects(t, reopened.get(LAST - 2), { code: 'SLUICE_TRIMMED' })
  await reopened.close()
})
