import { SluiceError, systemCode } from '../errors.js'
import { inspectLog } from '../log/maintenance.js'
import type { InspectReport } from '../segment/inspect.js'

/**
 * What lies in a log's folder. Rejects with `SLUICE_INVALID_ARGUMENT` where there is no such folder, or no log in it:
 * the library looks at any folder, and finds an empty one without fault.
 */
export async function inspectFolder(directory: string): Promise<InspectReport> {
  const report = await inspectLog(directory).catch((error: unknown) => {
    const code = error instanceof SluiceError ? systemCode(error.cause) : undefined
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${directory} is not a folder`, { cause: error })
  })
  if (report.markSlots === undefined && report.segments.length === 0) {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `there is no log in ${directory}`)
  }
  return report
}
