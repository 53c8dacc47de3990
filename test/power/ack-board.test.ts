import { join } from 'node:path'
import test from 'ava'
import { AckBoard } from '../slow/power/ack-board.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('what one side notes is there at once for the other one, and never goes back', (t) => {
  const path = join(temporaryDirectory(t), 'board')
  const reader = AckBoard.create(path)
  const writer = AckBoard.open(path)
  t.deepEqual(reader.read(), { durable: 0, written: 0, accepted: 0, trimmed: 0, trimTarget: 0 })
  writer.raise('durable', 5)
  writer.raise('durable', 4)
  writer.raise('accepted', 2 ** 32 - 1)
  writer.raise('trimTarget', 3)
  t.deepEqual(reader.read(), { durable: 5, written: 0, accepted: 2 ** 32 - 1, trimmed: 0, trimTarget: 3 })
  writer.close()
  reader.close()
})
