import { isDiskFull, SluiceError, systemCode } from '../errors.js'

/**
 * Runs work that makes system calls outside of a commit. A call that fails surfaces as `SLUICE_IO`, or as
 * `SLUICE_DISK_FULL`, with the system's error as its cause; every other error passes as it is.
 */
export function withSystemErrors<Result>(doing: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw surfaced(doing, error)
  }
}

/** As {@link withSystemErrors}, for work that goes on in the background. */
export async function withSystemErrorsLater<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw surfaced(doing, error)
  }
}

function surfaced(doing: string, error: unknown): unknown {
  const code = systemCode(error)
  // Node's own complaints about arguments have codes too: they are faults of this code, not of the system.
  if (error instanceof SluiceError || code === undefined || code.startsWith('ERR_')) return error
  const message = error instanceof Error ? error.message : code
  return new SluiceError(isDiskFull(error) ? 'SLUICE_DISK_FULL' : 'SLUICE_IO', `${doing}: ${message}`, { cause: error })
}
