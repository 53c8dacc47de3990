import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuiltLog, buildLog, type LogPlan } from './build-log.js'

/** Puts the files of a log that is composed by a plan into a folder, which it makes where it is missing. */
export function writeLogFiles(directory: string, plan: LogPlan): BuiltLog {
  mkdirSync(directory, { recursive: true })
  const log = buildLog(plan)
  for (const [name, bytes] of log.files) writeFileSync(join(directory, name), bytes)
  return log
}

/** Everything below a folder, by path: modes, times and contents of files, and modes of folders. */
export function treeOf(directory: string): Record<string, unknown> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, name)
      const stat = statSync(path)
      const { mode, mtimeMs, ctimeMs } = stat
      return [name, stat.isFile() ? { mode, mtimeMs, ctimeMs, bytes: readFileSync(path, 'base64') } : { mode }]
    }),
  )
}
