import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Log, SluiceError } from 'sluice'

export interface IngestService {
  readonly port: number
  /** Takes no more connections, answers what is on its way, then makes the log durable and closes it. */
  close(): Promise<void>
}

/** How long connections that are still busy may take to finish when the service closes. */
const CLOSE_PATIENCE_MS = 5000

/**
 * An HTTP service that keeps what it is sent. `POST /ingest` answers 201, with the record's LSN, only once the body
 * survives a power cut; `GET /stats` shows what the log has measured.
 */
export async function startIngestService(log: Log, bodyBytesMax: number, port = 0): Promise<IngestService> {
  let closing = false
  const server = createServer((request, response) => {
    // A client that keeps its connection would otherwise keep the service from closing.
    if (closing) response.setHeader('connection', 'close')
    route(log, bodyBytesMax, request, response).catch((error: unknown) => refuse(response, error))
  })
  await listen(server, port)
  return {
    port: portOf(server),
    async close() {
      closing = true
      await closeServer(server)
      await log.close()
    },
  }
}

async function route(
  log: Log,
  bodyBytesMax: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  if (path === '/ingest') {
    if (request.method !== 'POST') return notAllowed(response, 'POST')
    const body = await readBody(request, bodyBytesMax)
    if (body === undefined) return tooLarge(response, bodyBytesMax)
    const lsn = await log.append(body)
    // The id is the client's own name for what it sent: with it, the response is evidence by itself.
    const id = request.headers['x-record-id']
    return answer(response, 201, id === undefined ? { lsn } : { lsn, id })
  }
  if (path === '/stats') {
    if (request.method !== 'GET') return notAllowed(response, 'GET')
    return answer(response, 200, log.stats())
  }
  return answer(response, 404, { error: 'NOT_FOUND', message: 'there are POST /ingest and GET /stats' })
}

/** The whole body; `undefined` where it is larger than allowed, and then no more of it is read. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return resolve(undefined)
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) return void chunks.push(chunk)
      request.pause()
      resolve(undefined)
    })
    request.on('end', () => resolve(Buffer.concat(chunks, bytes)))
    // A client that goes away in the middle of its request.
    request.on('error', reject)
  })
}

function tooLarge(response: ServerResponse, bytesMax: number): void {
  // What is left of the body is not worth reading, so the connection can't be used again.
  response.setHeader('connection', 'close')
  answer(response, 413, { error: 'BODY_TOO_LARGE', message: `a record has at most ${bytesMax} bytes` })
}

function notAllowed(response: ServerResponse, allowed: string): void {
  response.setHeader('allow', allowed)
  answer(response, 405, { error: 'METHOD_NOT_ALLOWED', message: `only ${allowed}` })
}

/** Nothing was acknowledged: the client may try again elsewhere, or later. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return
  if (error instanceof SluiceError) {
    const outcome = error.outcome === undefined ? {} : { outcome: error.outcome }
    answer(response, 503, { error: error.code, message: error.message, ...outcome })
  } else {
    answer(response, 500, { error: 'INTERNAL', message: error instanceof Error ? error.message : String(error) })
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_PATIENCE_MS)
    server.close((error) => {
      clearTimeout(impatience)
      if (error === undefined) resolve()
      else reject(error)
    })
  })
}
