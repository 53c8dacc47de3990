import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, startServer, versionOf } from '../servers/server.js'
import type { Driver } from './driver.js'
import { loadPeer, whyPackageMissing } from './peers.js'

/** What is used of the NATS clients. */
interface NatsConnection {
  close(): Promise<void>
}
interface TransportNode {
  connect(options: { servers: string }): Promise<NatsConnection>
}
interface JetStream {
  jetstream(
    connection: NatsConnection,
    options: { timeout: number },
  ): {
    publish(subject: string, data: Uint8Array): Promise<unknown>
  }
  jetstreamManager(connection: NatsConnection): Promise<{
    readonly streams: { add(stream: { name: string; subjects: string[]; storage: 'file' }): Promise<unknown> }
  }>
}

export const NATS_STREAM = 'log'
const SUBJECT = 'log'
/** The first version that knows `sync_interval: always`. */
const OLDEST = [2, 10] as const

export const natsJetStream: Driver = {
  role: 'server',
  description:
    'NATS JetStream on loopback, sync_interval: always, one stream on file without replicas: publish, acknowledged each',
  promise: { text: "P1 as far as the server's documentation says", isP1: true },
  preparation: 'none',
  warmUpSeconds: 1,
  program: () => findProgram('nats-server'),
  whyMissing: () =>
    whyPackageMissing('@nats-io/jetstream', '@nats-io/transport-node') ?? whyServerMissing(findProgram('nats-server')),
  async open({ directory }) {
    const { connect } = loadPeer<TransportNode>('@nats-io/transport-node')
    const { jetstream, jetstreamManager } = loadPeer<JetStream>('@nats-io/jetstream')
    const configuration = join(directory, 'nats.conf')
    const server = await startServer(directory, {
      name: 'NATS',
      command: findProgram('nats-server') ?? 'nats-server',
      prepare: (dataDirectory, port) =>
        writeFileSync(
          configuration,
          `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${dataDirectory}", sync_interval: always }\n`,
        ),
      args: () => ['-c', configuration],
      stopSignal: 'SIGKILL',
    })
    const connection = await connect({ servers: `127.0.0.1:${server.port}` })
    await (await jetstreamManager(connection)).streams.add({ name: NATS_STREAM, subjects: [SUBJECT], storage: 'file' })
    // Thousands may wait at once: none of them is to be given up.
    const stream = jetstream(connection, { timeout: 60_000 })
    return {
      kind: 'asynchronous',
      port: server.port,
      append: (record) => stream.publish(SUBJECT, record),
      async close() {
        await connection.close()
        await server.stop()
      },
    }
  },
}

function whyServerMissing(program: string | undefined): string | undefined {
  if (program === undefined) return "nats-server is not installed (Debian's package nats-server, of Debian 13 or later)"
  const version = versionOf(program)
  const [major, minor] = /v(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? []
  const [oldestMajor, oldestMinor] = OLDEST
  const isNewEnough =
    major !== undefined &&
    minor !== undefined &&
    (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
  return isNewEnough
    ? undefined
    : `${version} does not know sync_interval: always: ${OLDEST.join('.')} or later is needed`
}
