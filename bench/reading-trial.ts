import { openLog, openLogReader } from '../src/index.js'
import { scanBare } from './bare-scan.js'
import { randomRecord } from './records.js'
import { spreadOf } from './statistics.js'
import type { ReadingFigures, TrialResults, TrialSpec } from './trial-spec.js'

/** Producers of the log that is read: how many records a frame has. */
const PRODUCERS = 64
/** A prime, so that the steps reach every part of the log. */
const STEP = 7_919_993
const PASSES = 3

const WAYS = ['bareScan', 'read', 'follow', 'getInOrder', 'getAnywhere'] as const
type Way = (typeof WAYS)[number]
type Rates = Record<Way, number>

export async function fillLog(spec: TrialSpec & { kind: 'fill' }): Promise<TrialResults['fill']> {
  const log = await openLog(spec.directory)
  const record = randomRecord(spec.recordBytes)
  while (log.nextLsn <= spec.records) await Promise.all(Array.from({ length: PRODUCERS }, () => log.append(record)))
  const { durableLsn } = log
  const { batches } = log.stats()
  await log.close()
  return { records: durableLsn, recordsPerBatch: durableLsn / batches }
}

/** Reads the whole log in each way, several times: the medians. */
export async function readAll(spec: TrialSpec & { kind: 'read' }): Promise<ReadingFigures> {
  const log = await openLogReader(spec.directory)
  const last = log.durableLsn
  const read = async (): Promise<number> => {
    let records = 0
    for await (const record of log.read()) records += record.lsn > 0 ? 1 : 0
    return records
  }
  const follow = async (): Promise<number> => {
    let records = 0
    for await (const record of log.follow({ from: log.firstLsn })) {
      records += 1
      if (record.lsn === last) break
    }
    return records
  }
  const getEach = (lsnOf: (index: number) => number) => async (): Promise<number> => {
    for (let index = 0; index < spec.gets; index += 1) {
      if ((await log.get(lsnOf(index))) === undefined) throw new Error(`there is no record ${lsnOf(index)}`)
    }
    return spec.gets
  }
  const ways = {
    bareScan: async () => scanBare(spec.directory).records,
    read,
    follow,
    getInOrder: getEach((index) => 1 + (index % last)),
    getAnywhere: getEach((index) => 1 + ((index * STEP) % last)),
  }
  // In turns, so that a slow moment of the machine meets all of them.
  const passes: Rates[] = []
  for (let pass = 0; pass <= PASSES; pass += 1) {
    const rates: Rates = { bareScan: 0, read: 0, follow: 0, getInOrder: 0, getAnywhere: 0 }
    for (const way of WAYS) {
      const startedAt = performance.now()
      const records = await ways[way]()
      rates[way] = (records / (performance.now() - startedAt)) * 1000
      if (!way.startsWith('get') && records !== last) throw new Error(`${way} found ${records} records of ${last}`)
    }
    // The first one is to warm up.
    if (pass > 0) passes.push(rates)
  }
  const medianOf = (way: Way): number => spreadOf(passes.map((rates) => rates[way])).median
  await log.close()
  return {
    records: last,
    bareScan: medianOf('bareScan'),
    read: medianOf('read'),
    follow: medianOf('follow'),
    getInOrder: medianOf('getInOrder'),
    getAnywhere: medianOf('getAnywhere'),
  }
}
