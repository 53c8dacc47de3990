import type { Finding } from '../segment/finding.js'
import { counted } from './quantity.js'

/** A finding on one line: what it is, where, which LSNs are concerned, and why. */
export function findingText(finding: Finding): string {
  switch (finding.kind) {
    case 'corrupt': {
      const { segment, offset, firstLsn, lastLsn, reason } = finding
      const where = [
        ...(segment === undefined ? [] : [`segment ${segment}`]),
        ...(offset === undefined ? [] : [`offset ${offset}`]),
        ...(firstLsn === undefined ? [] : [lsnText(firstLsn, lastLsn ?? firstLsn)]),
      ]
      return `damage: ${[where.join(', '), reason].filter((part) => part !== '').join(': ')}`
    }
    case 'unsupported':
      return `damage: ${finding.file}: ${finding.reason}`
    case 'torn': {
      const { segment, offset, bytes, reason } = finding
      const place = `segment ${segment}, offset ${offset}, ${counted(bytes, 'byte')}`
      return `torn tail: ${place}: ${reason}; never acknowledged as durable, the next open keeps it aside`
    }
    case 'leftover':
      return `left over: ${finding.file}: ${finding.reason}; the next open removes it`
    case 'mark-slot': {
      const slot = finding.slot === undefined ? '' : `slot ${finding.slot}: `
      return `mark file: ${slot}${finding.reason}; the next open writes it anew`
    }
  }
}

/** LSNs, both included. */
export function lsnText(firstLsn: number, lastLsn: number): string {
  return firstLsn === lastLsn ? `LSN ${firstLsn}` : `LSN ${firstLsn} to ${lastLsn}`
}

/** The LSNs of a log that may have none. */
export function extentText(firstLsn: number, lastLsn: number): string {
  const records = lastLsn - firstLsn + 1
  return records > 0 ? `${counted(records, 'record')}, ${lsnText(firstLsn, lastLsn)}` : 'no records'
}
