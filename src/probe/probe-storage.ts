import { stat, statfs } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { fromErrorRecord, isDiskFull, SluiceError, shown } from '../errors.js'
import { absoluteFolder } from '../fs/folder-path.js'
import type { ProbeResult } from './probe-thread.js'
import { doubtAbout, recommendationsFrom } from './recommendation.js'
import { storagePlace } from './storage-place.js'
import type { StorageReport } from './storage-report.js'

const workerUrl = new URL('../../workers/probe.js', import.meta.url)

/**
 * Measures the storage that a log in this directory would have, for one or two seconds (on a slow disk for longer): how
 * long its writes and syncs take, in milliseconds, and which options of `openLog` fit that. It works in a thread of its
 * own, on up to 32 MiB in a folder of its own inside the directory, which is gone afterwards. `openLog` never does this by itself.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` for what is no path; rejects with `SLUICE_INVALID_ARGUMENT` where there is no such
 * directory, `SLUICE_DISK_FULL`, and `SLUICE_IO`.
 */
export async function probeStorage(directory: string): Promise<StorageReport> {
  const path = absoluteFolder(directory)
  const stats = await stat(path).catch((cause: unknown) => {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `there is no directory ${shown(path)} to measure`, { cause })
  })
  if (!stats.isDirectory()) throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${shown(path)} is not a directory`)
  const { bavail, bsize } = await statfs(path).catch((cause: unknown) => {
    throw new SluiceError('SLUICE_IO', `the system doesn't say how much is free in ${path}`, { cause })
  })
  const result = await measuredInThread(path)
  if (result.kind === 'failed') {
    const cause = fromErrorRecord(result.error)
    const code = isDiskFull(cause) ? 'SLUICE_DISK_FULL' : 'SLUICE_IO'
    throw new SluiceError(code, `the storage of ${path} can't be measured: ${cause.message}`, { cause })
  }
  const { measurement, directAccess } = result
  const place = { ...storagePlace(path), availableBytes: bavail * bsize }
  return {
    directory: path,
    ...place,
    directAccess,
    ...measurement,
    doubt: doubtAbout(measurement, place.storageClass),
    recommendations: recommendationsFrom(measurement, place),
  }
}

function measuredInThread(directory: string): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(workerUrl, { workerData: directory, execArgv: [] })
    let answer: ProbeResult | undefined
    thread.once('message', (result: ProbeResult) => {
      answer = result
    })
    thread.once('error', reject)
    thread.once('exit', (code) => {
      if (answer !== undefined) resolve(answer)
      else reject(new Error(`the thread that measures ended with ${code}`))
    })
  })
}
