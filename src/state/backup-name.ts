/** A snapshot of the state, as its file's name tells of it. */
export interface BackupName {
  readonly name: string
  /** The state after the record with this LSN. */
  readonly lsn: number
  /** The schema version of all its values. */
  readonly schema: number
  /** Whether its blocks are compressed. */
  readonly gzip: boolean
}

const NAME = /^(\d{16})-([1-9]\d{0,15})(\.gzip)?\.snapshot$/

/** The LSN in 16 digits, so that names sort as LSNs do. */
export function backupName(lsn: number, schema: number, gzip: boolean): BackupName {
  return { name: `${String(lsn).padStart(16, '0')}-${schema}${gzip ? '.gzip' : ''}.snapshot`, lsn, schema, gzip }
}

/** `undefined` for other files. */
export function parseBackupName(name: string): BackupName | undefined {
  const [, digits, version, gzip] = NAME.exec(name) ?? []
  const [lsn, schema] = [Number(digits), Number(version)]
  if (!Number.isSafeInteger(lsn) || !Number.isSafeInteger(schema)) return undefined
  return { name, lsn, schema, gzip: gzip !== undefined }
}

/**
 * Newest first. A crash may leave a snapshot both plain and compressed: the plain one comes first then, as it is read
 * faster.
 */
export function byAge(one: BackupName, other: BackupName): number {
  return other.lsn - one.lsn || other.schema - one.schema || Number(one.gzip) - Number(other.gzip)
}
