import { join } from 'node:path'
import { type Log, openLog } from '../../src/index.js'
import { openLogWithFigures } from '../../src/log/open-log.js'
import { Figures } from '../../src/observe/figures.js'
import type { Driver, Subject } from './driver.js'

/** A log with its default options. */
export const sluice: Driver = {
  description: 'openLog with default options',
  preparation: 'inside the clock',
  warmUpSeconds: 3,
  async open({ directory }) {
    const log = await openLog(join(directory, 'log'))
    return { ...subjectOf(log), batchCounts: () => log.stats() }
  },
}

/** The same without counters and histograms, to see what they cost. */
export const sluiceWithoutFigures: Driver = {
  description: 'the same, with nothing counted or timed',
  preparation: 'inside the clock',
  warmUpSeconds: 3,
  async open({ directory }) {
    return subjectOf(await openLogWithFigures(join(directory, 'log'), {}, Figures.off()))
  },
}

function subjectOf(log: Log): Subject & { kind: 'asynchronous' } {
  return { kind: 'asynchronous', append: (record) => log.append(record), close: () => log.close() }
}
