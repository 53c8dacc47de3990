import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TestFn } from 'ava'

/**
 * `test` where nothing is missing, else `test.skip`, which ava reports; what is missing goes to the output as well.
 */
export function testWith<Context>(
  test: TestFn<Context> | TestFn<Context>['serial'],
  missing: string | undefined,
): TestFn<Context>['skip'] {
  if (missing === undefined) return test
  console.warn(`Some tests are skipped: ${missing}`)
  return test.skip
}

/** Why a tool can't be used here: `undefined` where the command, as a trial, succeeds. */
export function missingTool(command: string, ...args: readonly string[]): string | undefined {
  const { status, error } = spawnSync(command, args, { stdio: 'ignore' })
  if (status === 0) return undefined
  return error === undefined ? `${command} doesn't work here` : `there is no ${command}`
}

/** Why nothing can be done here that only root may do: `undefined` for root. */
export function missingRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'it takes root'
}

/** Why a process of another user can't run what is compiled here: `undefined` where it can. */
export function missingAccess(): string | undefined {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return `other users may not enter ${folder}`
  }
  return undefined
}
