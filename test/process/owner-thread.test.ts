import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('a log can be opened in a worker thread; when that is terminated, nothing acknowledged is lost, nor the lock', async (t) => {
  const directory = temporaryDirectory(t)
  let acked = 0
  for (let time = 0; time < 3; time++) {
    const owner = new Worker(new URL('../fixtures/owner-thread.js', import.meta.url), { workerData: directory })
    t.teardown(() => owner.terminate())
    owner.on('message', (lsn) => {
      acked = lsn
    })
    await once(owner, 'message')
    await t.throwsAsync(openLog(directory), { code: 'SLUICE_LOCKED', message: /by this process/ })
    await owner.terminate()
    const log = await openLog(directory)
    t.true(log.durableLsn >= acked)
    for await (const { lsn, data } of log.read()) if (!/^round \d+$/.test(`${data}`)) t.fail(`LSN ${lsn} is ${data}`)
    await log.close()
  }
})
