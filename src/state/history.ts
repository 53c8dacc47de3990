import type { StateChange } from './contract.js'
import type { StateSource } from './load-state.js'
import { decodeStateRecord } from './state-record.js'

/** All changes of a key that the log has, oldest first. Throws `SLUICE_CORRUPT`, `SLUICE_TRIMMED`, `SLUICE_IO`. */
export async function* historyOf<V>(source: Pick<StateSource, 'read'>, key: string): AsyncGenerator<StateChange<V>> {
  for await (const { lsn, timestamp, data } of source.read()) {
    const record = decodeStateRecord(lsn, data)
    if (record.kind !== 'writes') continue
    for (const write of record.writes) {
      // What a store of V has written; of an older form, maybe: the docstring says so.
      if (write.key === key) yield { lsn, timestamp, value: write.content?.value as V | undefined }
    }
  }
}
