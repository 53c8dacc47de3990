import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type BuiltLog, buildLog, type LogPlan } from './build-log.js'
import { temporaryDirectory } from './temporary-directory.js'

/** Writes a log's files into a folder that goes with the test; `change` may spoil them first. */
export function writtenLog(
  t: ExecutionContext<unknown>,
  plan: LogPlan,
  change: (built: BuiltLog) => void = () => {},
): { readonly directory: string; readonly built: BuiltLog } {
  const directory = temporaryDirectory(t)
  const built = buildLog(plan)
  change(built)
  for (const [name, bytes] of built.files) writeFileSync(join(directory, name), bytes)
  return { directory, built }
}
