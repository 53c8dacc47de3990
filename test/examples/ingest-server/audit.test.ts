import test from 'ava'
import { audit } from '../../../examples/ingest-server/audit.js'
import { recordBody } from '../../../examples/ingest-server/record.js'

/** A log whose record at each LSN is the one with that id, but for those given. */
async function* records(count: number, changed: Record<number, Uint8Array> = {}) {
  for (let lsn = 1; lsn <= count; lsn += 1) yield { lsn, data: changed[lsn] ?? recordBody(lsn) }
}

const acknowledged = [3, 1, 2].map((lsn) => ({ lsn, id: lsn }))

test('nothing is lost where every acknowledged record is in its place', async (t) => {
  t.deepEqual(await audit(acknowledged, records(5)), { acknowledged: 3, recovered: 5, lost: [] })
})

test('a record that is not there is lost', async (t) => {
  t.deepEqual(await audit(acknowledged, records(2)), { acknowledged: 3, recovered: 2, lost: [{ lsn: 3, id: 3 }] })
})

test('a record in the place of another one is lost', async (t) => {
  const { lost } = await audit(acknowledged, records(3, { 2: recordBody(1) }))
  t.deepEqual(lost, [{ lsn: 2, id: 2 }])
})

test('one changed byte is a loss', async (t) => {
  const damaged = recordBody(1)
  damaged[damaged.length - 3] = 0x7a
  t.is(Buffer.compare(damaged, recordBody(1)) === 0, false)
  const { lost } = await audit(acknowledged, records(3, { 1: damaged }))
  t.deepEqual(lost, [{ lsn: 1, id: 1 }])
})

test('of two records that were promised the same place one is lost', async (t) => {
  const { lost } = await audit([...acknowledged, { lsn: 2, id: 9 }], records(3))
  t.deepEqual(lost, [{ lsn: 2, id: 9 }])
})

test('bodies differ from id to id, and are some 256 bytes', (t) => {
  t.false(recordBody(1).equals(recordBody(2)))
  t.true(Math.abs(recordBody(123_456).length - 256) < 40)
})
