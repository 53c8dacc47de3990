import { parseArgs } from 'node:util'
import { openLog } from 'sluice'
import { startIngestService } from './ingest-service.js'
import type { ServiceReady } from './messages.js'

const BODY_BYTES_MAX = 64 * 1024

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    port: { type: 'string', default: '0' },
    flush: { type: 'string', default: 'batch' },
  },
})
const { directory, flush } = values
if (directory === undefined || (flush !== 'batch' && flush !== 'immediate')) {
  console.error('usage: server.js --directory DIRECTORY [--port PORT] [--flush batch|immediate]')
  process.exit(2)
}

const log = await openLog(directory, { flush, maxRecordBytes: BODY_BYTES_MAX })
const service = await startIngestService(log, BODY_BYTES_MAX, Number(values.port))

// A latched log answers 503 to everything; a supervisor that starts the service again lets it recover.
log.on('failed', (error) => console.error(`the log has failed: ${error.code}: ${error.message}`))

let ending = false
async function end(): Promise<void> {
  if (ending) return
  ending = true
  await service.close()
  if (process.connected) process.disconnect()
}
process.on('SIGTERM', end)
process.on('SIGINT', end)

if (process.send === undefined) {
  console.log(`listening on http://127.0.0.1:${service.port}, ${log.recovery.records} records recovered`)
} else {
  // Started by the demo: whatever ends the demo ends the service too.
  process.on('disconnect', end)
  const ready: ServiceReady = {
    port: service.port,
    recoveredRecords: log.recovery.records,
    recoveryMs: log.recovery.durationMs,
  }
  process.send(ready)
}
