import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { DIRECTORY, SEGMENT } from '../support/simulated-log.js'

const LAST = 'the last of them'

test('after close() and a power cut, a damaged last record is damage, not a torn tail: the mark was synced', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog(DIRECTORY, { fileSystem })
  for (const text of ['one', 'two', LAST]) await log.append(text)
  await log.close()
  const after = fileSystem.crash({ keep: 'none' })
  const name = after.listSync(DIRECTORY).find((each) => SEGMENT.test(`${DIRECTORY}/${each}`))
  if (name === undefined) return t.fail('there is no segment')
  const fd = after.openSync(`${DIRECTORY}/${name}`, 'write')
  const bytes = Buffer.alloc(after.sizeSync(fd))
  after.readSync(fd, bytes, 0, bytes.length, 0)
  after.writeSync(fd, Buffer.from('T'), 0, 1, bytes.indexOf(LAST))
  after.closeSync(fd)
  const error = await t.throwsAsync(openLog(DIRECTORY, { fileSystem: after }), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_CORRUPT')
  t.is(error?.firstLsn, 3)
})
