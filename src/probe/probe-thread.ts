import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorRecord, toErrorRecord } from '../errors.js'
import { isOpenedDirectly } from '../fs/direct-file.js'
import type { FileSystem } from '../fs/file-system.js'
import { measureStorage } from './storage-measurement.js'
import type { StorageMeasurement } from './storage-report.js'

/** What the thread answers. Errors come as data: thrown ones would lose their `code` and `errno` on the way. */
export type ProbeResult =
  | { readonly kind: 'measured'; readonly measurement: StorageMeasurement; readonly directAccess: boolean }
  | { readonly kind: 'failed'; readonly error: ErrorRecord }

/** Measures below a directory, in a folder that is gone afterwards. It blocks. */
export function probeBelow(fileSystem: FileSystem, directory: string): ProbeResult {
  try {
    const folder = mkdtempSync(join(directory, 'sluice-probe-'))
    try {
      const measurement = measureStorage(fileSystem, folder)
      return { kind: 'measured', measurement, directAccess: isOpenedDirectly(statSync(folder).dev) }
    } finally {
      rmSync(folder, { recursive: true })
    }
  } catch (error) {
    return { kind: 'failed', error: toErrorRecord(error) }
  }
}
