import { appendFileFlushed } from './append-file.js'
import { betterSqlite, betterSqliteBatched } from './better-sqlite3.js'
import { classicLevel, classicLevelBatched } from './classic-level.js'
import { device, deviceGrowing, devicePreparing } from './device.js'
import type { Driver } from './driver.js'
import { eventStorage } from './event-storage.js'
import { fsyncInTurn, fsyncPerAppend } from './fsync-per-append.js'
import { lmdbFlushed, lmdbPut, lmdbSynced } from './lmdb.js'
import { natsJetStream } from './nats-jetstream.js'
import { postgresql, postgresqlBatched } from './postgresql.js'
import { redisStreams } from './redis.js'
import { sluice, sluicePrepared } from './sluice.js'
import { sonicBoom } from './sonic-boom.js'

/** Everything that can be measured, by name, in the order of the tables. */
export const DRIVERS = {
  sluice,
  'sluice-prepared': sluicePrepared,
  device,
  'device-preparing': devicePreparing,
  'device-growing': deviceGrowing,
  'fsync-per-append': fsyncPerAppend,
  'fsync-in-turn': fsyncInTurn,
  'append-file': appendFileFlushed,
  'better-sqlite3': betterSqlite,
  'better-sqlite3-batched': betterSqliteBatched,
  'lmdb-put': lmdbPut,
  'lmdb-flushed': lmdbFlushed,
  'lmdb-synced': lmdbSynced,
  'classic-level': classicLevel,
  'classic-level-batched': classicLevelBatched,
  'sonic-boom': sonicBoom,
  'event-storage': eventStorage,
  'redis-streams': redisStreams,
  postgresql,
  'postgresql-batched': postgresqlBatched,
  'nats-jetstream': natsJetStream,
} as const satisfies Record<string, Driver>

export type DriverName = keyof typeof DRIVERS

// Object.keys of an object literal that nobody adds to.
export const DRIVER_NAMES = Object.keys(DRIVERS) as readonly DriverName[]

/** The driver, its optional parts included. */
export function driverOf(name: DriverName): Driver {
  return DRIVERS[name]
}
