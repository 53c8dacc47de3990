import { join } from 'node:path'
import { openLog } from '../../src/index.js'
import type { Driver } from './driver.js'

/** A log with its default options. */
export const sluice: Driver = {
  description: 'openLog with default options',
  preparation: 'inside the clock',
  warmUpSeconds: 3,
  async open({ directory }) {
    const log = await openLog(join(directory, 'log'))
    return {
      kind: 'asynchronous',
      append: (record) => log.append(record),
      batchCounts: () => log.stats(),
      close: () => log.close(),
    }
  },
}
