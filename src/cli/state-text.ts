import type { CheckpointReport, StateChange } from '../state/index.js'
import { counted, shownBytes, shownDuration, shownTime } from './quantity.js'

/** A change of a key, for people. What JSON could not be taken for stands where it was deleted. */
export function changeText({ lsn, timestamp, value }: StateChange<unknown>): string {
  return `${lsn}  ${shownTime(timestamp)}  ${value === undefined ? 'deleted' : JSON.stringify(value)}`
}

/** What came of a request for a checkpoint, for people. */
export function checkpointText(report: CheckpointReport | undefined): string {
  if (report === undefined) return 'nothing changed since the last one'
  const { lsn, file, entries, bytes, durationMs } = report
  const size = `${counted(entries, 'key')}, ${shownBytes(bytes)}`
  return `${file}: the state after LSN ${lsn}, ${size}, in ${shownDuration(durationMs)}`
}
