import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { audit } from '../../../examples/ingest-server/audit.js'
import { startIngestService } from '../../../examples/ingest-server/ingest-service.js'
import { recordBody } from '../../../examples/ingest-server/record.js'
import { SluiceError } from '../../../src/errors.js'
import type { Log } from '../../../src/log/contract.js'

const BODY_BYTES_MAX = 1000

/** A log of which the service sees only what it calls: `append` as given, and whether it was closed. */
function logWith(append: (data: Buffer) => Promise<number>): Log & { closed: boolean } {
  const log = {
    closed: false,
    append,
    stats: () => ({ records: 7 }),
    async close() {
      log.closed = true
    },
  }
  // The service calls nothing else of a log.
  return log as unknown as Log & { closed: boolean }
}

async function serve(t: ExecutionContext, append: (data: Buffer) => Promise<number>) {
  const log = logWith(append)
  const service = await startIngestService(log, BODY_BYTES_MAX)
  let ended: Promise<void> | undefined
  const close = () => {
    ended ??= service.close()
    return ended
  }
  t.teardown(close)
  return { log, close, url: `http://127.0.0.1:${service.port}` }
}

function post(url: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  // A connection for each request, so that none is left open when the service closes.
  return fetch(`${url}/ingest`, { method: 'POST', body, headers: { connection: 'close', ...headers } })
}

test('201, with the LSN, only once the append has resolved', async (t) => {
  const seen: string[] = []
  let acknowledge = (_lsn: number): void => {}
  let accept = (): void => {}
  const accepted = new Promise<void>((resolve) => {
    accept = resolve
  })
  const { url } = await serve(t, (data) => {
    seen.push(data.toString())
    accept()
    return new Promise((resolve) => {
      acknowledge = resolve
    })
  })
  let answered = false
  const response = post(url, 'a record', { 'x-record-id': '12' }).then((received) => {
    answered = true
    return received
  })
  await accepted
  t.false(answered)
  acknowledge(42)
  t.is((await response).status, 201)
  t.deepEqual(await (await response).json(), { lsn: 42, id: '12' })
  t.deepEqual(seen, ['a record'])
})

test('a failing log answers 503, with its code and outcome', async (t) => {
  const { url } = await serve(t, () =>
    Promise.reject(new SluiceError('SLUICE_DISK_FULL', 'no room', { outcome: 'not-written' })),
  )
  const response = await post(url, 'a record')
  t.is(response.status, 503)
  t.deepEqual(await response.json(), { error: 'SLUICE_DISK_FULL', message: 'no room', outcome: 'not-written' })
})

test('a mistake in the service itself answers 500', async (t) => {
  const { url } = await serve(t, () => {
    throw new TypeError('unexpected')
  })
  const response = await post(url, 'a record')
  t.is(response.status, 500)
  t.deepEqual(await response.json(), { error: 'INTERNAL', message: 'unexpected' })
})

test('a body of the largest size is taken, one more byte is 413', async (t) => {
  const sizes: number[] = []
  const { url } = await serve(t, async (data) => sizes.push(data.length))
  t.is((await post(url, Buffer.alloc(BODY_BYTES_MAX))).status, 201)
  t.is((await post(url, Buffer.alloc(BODY_BYTES_MAX + 1))).status, 413)
  t.deepEqual(sizes, [BODY_BYTES_MAX])
})

test('413 also where the length is not announced', async (t) => {
  let appended = false
  const { url } = await serve(t, async () => {
    appended = true
    return 1
  })
  const status = await new Promise((resolve, reject) => {
    const sent = request(`${url}/ingest`, { method: 'POST' }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    // Once it has been answered the service hangs up, maybe while more is sent.
    sent.on('error', reject)
    sent.write(Buffer.alloc(BODY_BYTES_MAX))
    sent.write(Buffer.alloc(1))
  })
  t.is(status, 413)
  t.false(appended)
})

test('/stats shows what the log measured; anything else is 404 or 405', async (t) => {
  const { url } = await serve(t, async () => 1)
  const headers = { connection: 'close' }
  t.deepEqual(await (await fetch(`${url}/stats`, { headers })).json(), { records: 7 })
  t.is((await fetch(`${url}/ingest`, { headers })).status, 405)
  t.is((await fetch(`${url}/stats`, { method: 'POST', headers })).status, 405)
  t.is((await fetch(`${url}/nothing`, { headers })).status, 404)
})

test('closing answers what is on its way before it closes the log', async (t) => {
  let acknowledge = (_lsn: number): void => {}
  let accept = (): void => {}
  const accepted = new Promise<void>((resolve) => {
    accept = resolve
  })
  const { url, log, close } = await serve(t, () => {
    accept()
    return new Promise((resolve) => {
      acknowledge = resolve
    })
  })
  const response = post(url, 'a record')
  await accepted
  const closed = close()
  t.false(log.closed)
  acknowledge(1)
  t.is((await response).status, 201)
  await closed
  t.true(log.closed)
})

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
