import { join } from 'node:path'
import { type LogTuning, openLog } from '../../src/index.js'
import type { Driver, DriverSetting } from './driver.js'

const PROMISE = { text: 'P1: survives a power cut, in order, with its directory entry', isP1: true } as const
/** 1.5 GiB with segments of the default size: more than a trial of the full form appends. */
const PREPARED_SEGMENTS = 24

/** A log with its default options. */
export const sluice: Driver = {
  role: 'sluice',
  description: 'openLog with default options',
  promise: PROMISE,
  preparation: 'inside the clock',
  warmUpSeconds: 3,
  open: (setting) => open(setting),
}

/** As the limit, a log that finds its file prepared: how it takes a burst. */
export const sluicePrepared: Driver = {
  role: 'sluice',
  description: `openLog with preparedSegments: ${PREPARED_SEGMENTS}, which are ready when the clock starts; what comes once they are used up is as with sluice`,
  promise: PROMISE,
  preparation: 'outside the clock',
  warmUpSeconds: 3,
  async open(setting) {
    const { log, ...subject } = await open(setting, { preparedSegments: PREPARED_SEGMENTS })
    return { ...subject, rest: () => log.prepared() }
  },
}

async function open({ directory, logOptions }: DriverSetting, more: LogTuning = {}) {
  const log = await openLog(join(directory, 'log'), { ...more, ...logOptions })
  return {
    kind: 'asynchronous' as const,
    log,
    append: (record: Buffer) => log.append(record),
    appendMany: (records: readonly Buffer[]) => log.appendMany(records),
    batchCounts: () => log.stats(),
    close: () => log.close(),
  }
}
