import { SluiceError } from '../errors.js'
import type { DirectoryClaim } from './file-system.js'

/** The lock is still to be written: until then no directory can be claimed. */
export async function claimDirectory(directory: string): Promise<DirectoryClaim> {
  throw new SluiceError('SLUICE_LOCK_UNAVAILABLE', `there is no lock yet for ${directory}`)
}
