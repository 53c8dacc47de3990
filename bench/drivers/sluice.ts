import { join } from 'node:path'
import { openLog } from '../../src/index.js'
import type { Driver } from './driver.js'

/** A log with its default options. */
export const sluice: Driver = {
  role: 'sluice',
  description: 'openLog with default options',
  promise: { text: 'P1: survives a power cut, in order, with its directory entry', isP1: true },
  preparation: 'inside the clock',
  warmUpSeconds: 3,
  async open({ directory, logOptions }) {
    const log = await openLog(join(directory, 'log'), logOptions)
    return {
      kind: 'asynchronous',
      append: (record) => log.append(record),
      appendMany: (records) => log.appendMany(records),
      batchCounts: () => log.stats(),
      close: () => log.close(),
    }
  },
}
