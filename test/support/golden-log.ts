import type { LogPlan } from './build-log.js'

/** What the log in test/golden/v1 holds. It must never change: a new version gets a folder, and a plan, of its own. */
export const GOLDEN_V1: LogPlan = {
  logId: Buffer.from('golden log, v 1 ', 'latin1'),
  segments: [
    {
      frames: [
        { records: ['the first record'], timestampMs: 1_700_000_000_000 },
        { records: ['', Buffer.from([0, 1, 2, 254, 255]), 'ünïcödé'], timestampMs: 1_700_000_000_001 },
      ],
      header: { createdMs: 1_700_000_000_000 },
    },
    {
      frames: [{ records: ['behind a rotation'], timestampMs: 1_700_000_060_000 }],
      header: { createdMs: 1_700_000_060_000 },
      zeros: 64,
    },
  ],
  mark: { sequence: 3, closed: true },
}
