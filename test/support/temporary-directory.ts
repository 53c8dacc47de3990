import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Teardown } from './teardown.js'

/** A fresh, empty folder below the system's temporary one, without symbolic links in its path; it goes with the test. */
export function temporaryDirectory(t: Teardown): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'sluice-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
