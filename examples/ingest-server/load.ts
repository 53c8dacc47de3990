import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { sendLast } from './last-message.js'
import type { Acknowledgement, LoadMessage, LoadOrder } from './messages.js'
import { recordBody } from './record.js'

/*
 * The load, in a process of its own, so that it and the service don't share an event loop. Each connection sends one
 * record after the other, each with an id that no other has. What counts as acknowledged is what a 201 says: LSN and id
 * both come from the response, so the evidence does not rest on how requests and responses are paired here.
 */

const PROGRESS_EVERY_MS = 250
/** The load ends when it is told to; this only bounds it where nobody does. */
const DURATION_MAX_S = 600

const { values } = parseArgs({
  options: { url: { type: 'string', default: '' }, connections: { type: 'string', default: '1' } },
})

let acknowledged: Acknowledgement[] = []
let latenciesMs: number[] = []
const refused: Record<string, number> = {}
let requests = 0
/** Connections that wait for a response. */
let waiting = 0
let interruptedRequests: number | undefined
let firstAcknowledgedAt: number | undefined
let lastAcknowledgedAt = 0
let lastProgressAt = performance.now()
let isDone = false

const run = autocannon(
  {
    url: values.url,
    connections: Number(values.connections),
    duration: DURATION_MAX_S,
    sampleInt: 100,
    setupClient,
  },
  finish,
)

// autocannon emits this right after onResponse, for the same response.
run.on('response', (_client, status, _bytes, responseMs) => {
  if (status === 201) latenciesMs.push(responseMs)
})
run.on('reqError', () => {
  interruptedRequests ??= waiting
})
const progress = setInterval(report, PROGRESS_EVERY_MS)
process.on('message', (order: LoadOrder) => {
  // Whoever killed the service may be quicker to say so than its connections are to break.
  if (order === 'stop once broken' && interruptedRequests === undefined) run.once('reqError', () => run.stop())
  else run.stop()
})
process.on('disconnect', () => process.exit(isDone ? 0 : 1))
// Ctrl-C reaches the whole group of processes; the demo decides when this one ends.
process.on('SIGINT', () => {})

/** Gives a connection its own request, so that it is known which of them wait for a response. */
function setupClient(client: autocannon.Client): void {
  let waits = false
  client.setRequests([
    {
      method: 'POST',
      path: '/ingest',
      setupRequest(request) {
        // A connection that broke asks anew while it still waits.
        if (!waits) waiting += 1
        waits = true
        requests += 1
        return { ...request, headers: { 'x-record-id': String(requests) }, body: recordBody(requests) }
      },
      onResponse(status, body) {
        waits = false
        waiting -= 1
        if (status === 201) acknowledge(body)
        else refused[status] = (refused[status] ?? 0) + 1
      },
    },
  ])
}

function acknowledge(body: string): void {
  lastAcknowledgedAt = performance.now()
  firstAcknowledgedAt ??= lastAcknowledgedAt
  acknowledged.push(acknowledgementIn(body))
}

function acknowledgementIn(body: string): Acknowledgement {
  const answer: unknown = JSON.parse(body)
  if (typeof answer === 'object' && answer !== null && 'lsn' in answer && 'id' in answer) {
    const [lsn, id] = [Number(answer.lsn), Number(answer.id)]
    if (Number.isSafeInteger(lsn) && Number.isSafeInteger(id)) return { lsn, id }
  }
  throw new Error(`a 201 without LSN and id: ${body}`)
}

function report(): void {
  const now = performance.now()
  tell({ kind: 'progress', acknowledged, latenciesMs, elapsedMs: now - lastProgressAt })
  acknowledged = []
  latenciesMs = []
  lastProgressAt = now
}

function finish(): void {
  clearInterval(progress)
  report()
  const activeMs = lastAcknowledgedAt - (firstAcknowledgedAt ?? lastAcknowledgedAt)
  const done: LoadMessage = { kind: 'done', activeMs, refused, interruptedRequests }
  isDone = true
  sendLast(done)
}

function tell(message: LoadMessage): void {
  process.send?.(message)
}
