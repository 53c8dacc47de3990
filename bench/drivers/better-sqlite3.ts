import { join } from 'node:path'
import { AppBatcher } from './app-batcher.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of better-sqlite3. */
interface Statement {
  run(data: Buffer): unknown
}
interface Database {
  pragma(text: string): unknown
  exec(sql: string): void
  prepare(sql: string): Statement
  transaction(body: (records: readonly Buffer[]) => void): (records: readonly Buffer[]) => void
  close(): void
}
type DatabaseClass = new (file: string) => Database

const SETTINGS = 'better-sqlite3, journal_mode=WAL, synchronous=FULL'
const COMMON = {
  role: 'embedded',
  // SQLite syncs the folder when it makes a journal; WAL with FULL syncs the WAL in each commit.
  promise: { text: 'P1', isP1: true },
  preparation: 'none',
  warmUpSeconds: 0.5,
  whyMissing: () => whyPackageMissing('better-sqlite3'),
} as const

export const betterSqlite: Driver = {
  ...COMMON,
  description: `${SETTINGS}: one insert a transaction, which blocks the event loop`,
  async open({ directory }) {
    const { database, insert } = openDatabase(directory)
    return {
      kind: 'asynchronous',
      append: (record) => inTurn(() => insert.run(record)),
      async close() {
        database.close()
      },
    }
  },
}

export const betterSqliteBatched: Driver = {
  ...COMMON,
  description: `${SETTINGS}: all that arrived in a turn of the event loop in one transaction, which blocks it`,
  async open({ directory }) {
    const { database, insert } = openDatabase(directory)
    const insertAll = database.transaction((records) => {
      for (const record of records) insert.run(record)
    })
    const batcher = new AppBatcher((records) => {
      insertAll(records)
      return undefined
    })
    return {
      kind: 'asynchronous',
      append: (record) => batcher.append(record),
      appendMany: (records) => inTurn(() => insertAll(records)),
      async close() {
        database.close()
      },
    }
  },
}

function openDatabase(directory: string) {
  const Database = loadPeer<DatabaseClass>('better-sqlite3')
  const database = new Database(join(directory, 'log.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('CREATE TABLE log (lsn INTEGER PRIMARY KEY, data BLOB NOT NULL)')
  return { database, insert: database.prepare('INSERT INTO log (data) VALUES (?)') }
}

/** Runs what blocks, but lets the event loop turn before: else nothing but appends would ever run. */
function inTurn(body: () => unknown): Promise<void> {
  return new Promise((resolve, reject) =>
    setImmediate(() => {
      try {
        body()
        resolve()
      } catch (error) {
        reject(error)
      }
    }),
  )
}
