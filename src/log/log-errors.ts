import { SluiceError } from '../errors.js'

/*
 * What a log's own state makes its calls fail with. Each call gets an error of its own, so that its stack tells where the
 * call was made.
 */

/** The log is closing or closed. An append that waited until then has an outcome. */
export function closedError(outcome: { readonly outcome?: 'not-written' } = {}): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the log is closed', outcome)
}

/** The log has latched itself: `failure` is the error that it told then. An append that waited until then has an outcome. */
export function failedError(failure: SluiceError, outcome: { readonly outcome?: 'not-written' } = {}): SluiceError {
  return new SluiceError('SLUICE_FAILED', failure.message, { cause: failure.cause, ...outcome })
}

/** Why the log latches itself. The records that were written and not synced may have been acknowledged as written. */
export function latchError(cause: Error, durableLsn: number, writtenLsn: number): SluiceError {
  const message = `the log has failed, and must be closed and opened again: ${cause.message}`
  if (writtenLsn <= durableLsn) return new SluiceError('SLUICE_FAILED', message, { cause })
  const range = { firstLsn: durableLsn + 1, lastLsn: writtenLsn }
  const unsynced = `LSNs from ${range.firstLsn} to ${range.lastLsn} were written, and a power cut may take them`
  return new SluiceError('SLUICE_FAILED', `${message}; ${unsynced}`, { cause, ...range })
}

/** What an append is told when the log latches itself; `taken`, where the writer had begun to commit it. */
export function commitFailedError(firstLsn: number, lastLsn: number, taken: boolean, cause: Error): SluiceError {
  const fate = taken ? 'may or may not be on disk' : 'were not written'
  const message = `a commit failed: LSNs from ${firstLsn} to ${lastLsn} ${fate}: ${cause.message}`
  const outcome = taken ? 'indeterminate' : 'not-written'
  return new SluiceError('SLUICE_COMMIT_FAILED', message, { cause, outcome, firstLsn, lastLsn })
}

/** What an append is told that the disk had no room for. */
export function diskFullError(firstLsn: number, lastLsn: number, cause: Error): SluiceError {
  const message = `the disk is full: LSNs from ${firstLsn} to ${lastLsn} were not written`
  return new SluiceError('SLUICE_DISK_FULL', message, { cause, outcome: 'not-written', firstLsn, lastLsn })
}
