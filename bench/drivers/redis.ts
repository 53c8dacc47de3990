import { once } from 'node:events'
import { findProgram, startServer } from '../servers/server.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of ioredis. */
interface Redis extends NodeJS.EventEmitter {
  xadd(...args: readonly (string | Buffer)[]): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(): void
}
interface IoRedis {
  readonly Redis: new (options: {
    host: string
    port: number
    enableAutoPipelining: boolean
    maxRetriesPerRequest: number
  }) => Redis
}

/** Its replies to all clients follow the fsync of what the commands of one turn of its loop wrote. */
const OPTIONS = {
  bind: '127.0.0.1',
  appendonly: 'yes',
  appendfsync: 'always',
  // Neither snapshots nor rewrites while it is measured.
  save: '',
  'auto-aof-rewrite-percentage': '0',
} as const

export const REDIS_STREAM = 'log'

export const redisStreams: Driver = {
  role: 'server',
  description:
    'Redis Streams on loopback, appendonly with appendfsync always, no snapshots or rewrites: XADD by ioredis with auto-pipelining',
  promise: { text: 'P1', isP1: true },
  preparation: 'none',
  warmUpSeconds: 1,
  program: () => findProgram('redis-server'),
  whyMissing: () =>
    whyPackageMissing('ioredis') ??
    (findProgram('redis-server') === undefined
      ? "redis-server is not installed (Debian's package redis-server)"
      : undefined),
  async open({ directory }) {
    const { Redis } = loadPeer<IoRedis>('ioredis')
    const server = await startServer(directory, {
      name: 'Redis',
      command: findProgram('redis-server') ?? 'redis-server',
      args: (dataDirectory, port) => [
        ...['--port', String(port), '--dir', dataDirectory],
        ...Object.entries(OPTIONS).flatMap(([name, value]) => [`--${name}`, value]),
      ],
      stopSignal: 'SIGKILL',
    })
    const redis = new Redis({
      host: '127.0.0.1',
      port: server.port,
      enableAutoPipelining: true,
      maxRetriesPerRequest: 1,
    })
    await redis.ping()
    return {
      kind: 'asynchronous',
      port: server.port,
      append: (record) => redis.xadd(REDIS_STREAM, '*', 'data', record),
      async close() {
        const ended = once(redis, 'end')
        redis.disconnect()
        await ended
        await server.stop()
      },
    }
  },
}
