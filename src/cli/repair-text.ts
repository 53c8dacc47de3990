import type { RepairChange, RepairReport } from '../segment/repair.js'
import { extentText, findingText, lsnText } from './finding-text.js'
import { counted } from './quantity.js'

/** What repair found and did, or would do, in lines. */
export function repairLines(report: RepairReport): string[] {
  const { damaged, dryRun, findings, lost, changes, firstLsn, lastLsn } = report
  const found = findings.map(findingText)
  const left = extentText(firstLsn, lastLsn)
  if (!damaged) return [...found, `there is no damage, and nothing to repair: ${left}`]
  const losses = lost.map((range) => {
    const records = counted(range.lastLsn - range.firstLsn + 1, 'record')
    return `${dryRun ? 'would be lost' : 'lost'}: ${lsnText(range.firstLsn, range.lastLsn)} (${records})`
  })
  return [
    ...found,
    ...changes.map((change) => changeText(change, dryRun)),
    ...(losses.length === 0 ? ['no record is lost'] : losses),
    `${dryRun ? 'would be left' : 'left'}: ${left}`,
    ...unproved(changes, lastLsn),
  ]
}

/** Records that nothing proves to be durable: opening the log writes them again, and makes them so. */
function unproved(changes: readonly RepairChange[], lastLsn: number): string[] {
  const marked = changes.find((change) => change.kind === 'marked')
  if (marked === undefined || marked.durableLsn >= lastLsn) return []
  return [`records above LSN ${marked.durableLsn} can be read once the log has been opened for writing`]
}

function changeText(change: RepairChange, dryRun: boolean): string {
  const did = (done: string, planned: string): string => (dryRun ? `would ${planned}` : done)
  switch (change.kind) {
    case 'moved':
      return `${did('moved', 'move')} ${change.file}, ${counted(change.bytes, 'byte')}, to ${change.keptIn}`
    case 'cut': {
      const { segment, offset, bytes, keptIn } = change
      const kept = keptIn === undefined ? 'nothing but zeros' : `${counted(bytes, 'byte')}, kept in ${keptIn}`
      return `${did('cut', 'cut')} ${segment} at offset ${offset}: ${kept}`
    }
    case 'marked': {
      const { durableLsn, firstLsn } = change
      return `${did('noted', 'note')} in the mark file: durable up to LSN ${durableLsn}, the log begins at LSN ${firstLsn}`
    }
  }
}
