/**
 * How fast records are read: `npm run build && node dist/bench/read-speed.js [records a frame] [bytes a record]`.
 * It composes a log of 256 MiB in the temporary folder, reads it a few times (so from the page cache), and removes it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openLogReader } from '../src/log/log-reader.js'
import { composeMark, composeSegment, somePayloads } from '../test/support/compose-segments.js'

const perFrame = Number(process.argv[2] ?? 64)
const bytes = Number(process.argv[3] ?? 256)
const perSegment = Math.floor((64 * 1024 * 1024) / (bytes + 4 + 56 / perFrame) / perFrame) * perFrame

const directory = await mkdtemp(join(tmpdir(), 'sluice-read-speed-'))
try {
  let firstLsn = 1
  for (let segment = 0; segment < 4; segment++) {
    const payload = somePayloads(firstLsn, perFrame, bytes)
    const frames = Array.from({ length: perSegment / perFrame }, () => payload)
    const composed = composeSegment({ firstLsn, frames, sealed: segment < 3 })
    await writeFile(join(directory, composed.name), composed.bytes)
    firstLsn = composed.lastLsn + 1
  }
  const durableLsn = firstLsn - 1
  await writeFile(join(directory, 'mark'), composeMark({ durableLsn, segmentFirstLsn: firstLsn - perSegment }))
  const log = await openLogReader(directory)
  for (let round = 1; round <= 4; round++) {
    const begin = performance.now()
    let records = 0
    for await (const record of log.read()) records += record.data.length === bytes ? 1 : 0
    report(`read, round ${round}`, records, performance.now() - begin)
  }
  const begin = performance.now()
  for (let lsn = 1; lsn <= 50_000; lsn++) await log.get(lsn)
  report('get, in order', 50_000, performance.now() - begin)
  const random = performance.now()
  for (let count = 1; count <= 20_000; count++) await log.get(1 + ((count * 7_919_993) % durableLsn))
  report('get, anywhere', 20_000, performance.now() - random)
  await log.close()
} finally {
  await rm(directory, { recursive: true })
}

function report(what: string, records: number, durationMs: number): void {
  const rate = Math.round((records / durationMs) * 1000).toLocaleString('en')
  console.log(`${what}: ${records} records in ${durationMs.toFixed(0)} ms, ${rate} records/s`)
}
