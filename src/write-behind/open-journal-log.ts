import type { Log } from '../log/contract.js'
import { openLog } from '../log/open-log.js'
import type { ResolvedJournal } from './write-behind-options.js'

/** Opens the log of a journal. Throws and rejects as `openLog` does. */
export function openJournalLog({ directory, fileSystem, segmentBytes }: ResolvedJournal): Promise<Log> {
  return openLog(directory, { segmentBytes, ...(fileSystem === undefined ? {} : { fileSystem }) })
}
