import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A folder of the test's own, which goes with it. */
export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}
