import { writeFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './directory-sync.js'
import type { Driver } from './driver.js'
import { Turns } from './turns.js'

/** What Node itself offers for it, in one call. */
export const appendFileFlushed: Driver = {
  role: 'embedded',
  description: 'fs.promises.appendFile with flush: true, as many at once as is fastest; the file is there beforehand',
  promise: { text: 'P1, but in no order, and a record may be torn', isP1: true, tearsRecords: true },
  preparation: 'none',
  warmUpSeconds: 0.5,
  async open({ directory, inFlightMax }) {
    const path = join(directory, 'records')
    writeFileSync(path, '')
    syncDirectory(directory)
    const turns = new Turns(inFlightMax)
    return {
      kind: 'asynchronous',
      async append(record) {
        await turns.take()
        try {
          await appendFile(path, record, { flush: true })
        } finally {
          turns.give()
        }
      },
      async close() {},
    }
  },
}
