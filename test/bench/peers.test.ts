import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { DriverSetting } from '../../bench/drivers/driver.js'
import { type DriverName, driverOf } from '../../bench/drivers/drivers.js'
import { NATS_STREAM } from '../../bench/drivers/nats-jetstream.js'
import { loadPeer } from '../../bench/drivers/peers.js'
import { REDIS_STREAM } from '../../bench/drivers/redis.js'
import { randomRecord } from '../../bench/records.js'
import { testWith } from '../support/tools.js'

const RECORDS = 20
const RECORD_BYTES = 256

/** What a peer itself finds: the records where it keeps any, else how many there are. */
type Reading = (directory: string, port: number) => Promise<{ count: number; holds: (record: Buffer) => boolean }>

function found(records: readonly Buffer[]) {
  return { count: records.length, holds: (record: Buffer) => records.some((one) => one.equals(record)) }
}

async function readFile(directory: string) {
  const bytes = readFileSync(join(directory, 'records'))
  return { count: bytes.length / RECORD_BYTES, holds: (record: Buffer) => bytes.includes(record) }
}

async function readSqlite(directory: string) {
  interface Database {
    prepare(sql: string): { all(): { data: Buffer }[] }
    close(): void
  }
  const DatabaseHere = loadPeer<new (file: string) => Database>('better-sqlite3')
  const database = new DatabaseHere(join(directory, 'log.db'))
  const rows = database.prepare('SELECT data FROM log').all()
  database.close()
  return found(rows.map(({ data }) => data))
}

async function readLmdb(directory: string) {
  interface Store {
    getRange(): Iterable<{ value: Buffer }>
    close(): Promise<void>
  }
  const { open } = loadPeer<{ open(options: object): Store }>('lmdb')
  const store = open({ path: join(directory, 'log.mdb'), encoding: 'binary', keyIsUint32: true })
  const records = [...store.getRange()].map(({ value }) => Buffer.from(value))
  await store.close()
  return found(records)
}

async function readLevel(directory: string) {
  interface Level {
    values(): { all(): Promise<Buffer[]> }
    close(): Promise<void>
  }
  const { ClassicLevel } = loadPeer<{ ClassicLevel: new (path: string, options: object) => Level }>('classic-level')
  const level = new ClassicLevel(join(directory, 'level'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const records = await level.values().all()
  await level.close()
  return found(records)
}

async function readEventStorage(directory: string) {
  interface Storage {
    open(): void
    readRange(from: number): Iterable<string>
    close(): void
  }
  const { Storage } = loadPeer<{ Storage: new (name: string, config: object) => Storage }>('event-storage')
  const serializer = { serialize: (text: string) => text, deserialize: (text: string) => text }
  const storage = new Storage('log', { dataDirectory: directory, serializer })
  storage.open()
  const records = [...storage.readRange(1)].map((text) => Buffer.from(text, 'latin1'))
  storage.close()
  return found(records)
}

async function readRedis(_directory: string, port: number) {
  interface Redis {
    xrangeBuffer(stream: string, from: string, to: string): Promise<[Buffer, Buffer[]][]>
    disconnect(): void
  }
  const { Redis } = loadPeer<{ Redis: new (port: number, host: string) => Redis }>('ioredis')
  const redis = new Redis(port, '127.0.0.1')
  const entries = await redis.xrangeBuffer(REDIS_STREAM, '-', '+')
  redis.disconnect()
  return found(entries.flatMap(([, fields]) => fields.slice(1)))
}

async function readPostgresql(_directory: string, port: number) {
  interface Client {
    connect(): Promise<void>
    query(sql: string): Promise<{ rows: { data: Buffer }[] }>
    end(): Promise<void>
  }
  const { Client } = loadPeer<{ Client: new (options: object) => Client }>('pg')
  const client = new Client({ host: '127.0.0.1', port, user: 'bench', database: 'postgres' })
  await client.connect()
  const { rows } = await client.query('SELECT data FROM log')
  await client.end()
  return found(rows.map(({ data }) => data))
}

async function readNats(_directory: string, port: number) {
  interface Connection {
    close(): Promise<void>
  }
  interface Streams {
    info(name: string): Promise<{ state: { messages: number } }>
    getMessage(name: string, query: { seq: number }): Promise<{ data: Uint8Array } | null>
  }
  const { connect } = loadPeer<{ connect(options: object): Promise<Connection> }>('@nats-io/transport-node')
  const { jetstreamManager } = loadPeer<{ jetstreamManager(c: Connection): Promise<{ streams: Streams }> }>(
    '@nats-io/jetstream',
  )
  const connection = await connect({ servers: `127.0.0.1:${port}` })
  const { streams } = await jetstreamManager(connection)
  const { messages } = (await streams.info(NATS_STREAM)).state
  const records: Buffer[] = []
  for (let seq = 1; seq <= messages; seq += 1) {
    const message = await streams.getMessage(NATS_STREAM, { seq })
    if (message !== null) records.push(Buffer.from(message.data))
  }
  await connection.close()
  return found(records)
}

const READINGS: readonly (readonly [DriverName, Reading])[] = [
  ['append-file', readFile],
  ['better-sqlite3', readSqlite],
  ['better-sqlite3-batched', readSqlite],
  ['lmdb-put', readLmdb],
  ['lmdb-flushed', readLmdb],
  ['lmdb-synced', readLmdb],
  ['classic-level', readLevel],
  ['classic-level-batched', readLevel],
  ['sonic-boom', readFile],
  ['event-storage', readEventStorage],
  ['redis-streams', readRedis],
  ['postgresql', readPostgresql],
  ['postgresql-batched', readPostgresql],
  ['nats-jetstream', readNats],
]

for (const [name, reading] of READINGS) {
  const driver = driverOf(name)
  testWith(test.serial, driver.whyMissing?.())(`${name} stores what it acknowledged`, async (t) => {
    const parent = mkdtempSync(join(tmpdir(), 'sluice-peer-test-'))
    t.teardown(() => rmSync(parent, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 }))
    const directory = mkdtempSync(join(parent, 'trial-'))
    const setting: DriverSetting = {
      directory,
      producers: RECORDS,
      recordBytes: RECORD_BYTES,
      recordsPerAppend: 1,
      inFlightMax: 4,
    }
    const subject = await driver.open(setting)
    if (subject.kind === 'synchronous') return t.fail('a peer appends for each producer')
    const records = Array.from({ length: RECORDS }, () => randomRecord(RECORD_BYTES))
    try {
      await Promise.all(records.map((record) => subject.append(record)))
      // A server is asked while it runs, the others once they are closed.
      if (subject.port !== undefined) check(t, await reading(directory, subject.port), records)
    } finally {
      await subject.close()
    }
    if (driver.role === 'server') t.false(processes().includes(directory), 'the server still runs')
    else check(t, await reading(directory, 0), records)
  })
}

function check(t: ExecutionContext, got: Awaited<ReturnType<Reading>>, records: readonly Buffer[]) {
  t.is(got.count, records.length)
  for (const record of records) t.true(got.holds(record))
}

function processes(): string {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
}
