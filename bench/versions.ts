import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { DRIVER_NAMES, driverOf } from './drivers/drivers.js'
import { versionOf } from './servers/server.js'

const ROOT = new URL('../../', import.meta.url)

/** What is compared, exactly: sluice, the packages of its peers that are installed, and the servers. */
export function versionsHere(): Readonly<Record<string, string>> {
  const versions: Record<string, string> = { sluice: sluiceVersion() }
  // The file of the peers' own package.
  const { dependencies } = JSON.parse(readFileSync(new URL('bench/package.json', ROOT), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of Object.keys(dependencies)) {
    const version = packageVersion(new URL(`bench/node_modules/${name}/package.json`, ROOT))
    if (version !== undefined) versions[name] = version
  }
  for (const name of DRIVER_NAMES) {
    const program = driverOf(name).program?.()
    if (program !== undefined) versions[basename(program)] = numberIn(versionOf(program))
  }
  return versions
}

/** Programs say more than their number when they are asked for it. */
function numberIn(answer: string): string {
  return /\d+(?:\.\d+)+/.exec(answer)?.[0] ?? answer
}

/** With the commit, where the sources are under version control, and whether they were changed since. */
function sluiceVersion(): string {
  const version = packageVersion(new URL('package.json', ROOT)) ?? 'unknown'
  try {
    const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return `${version} (${commit.trim()})`
  } catch {
    // No git, or no repository: the version alone says it.
    return version
  }
}

function packageVersion(file: URL): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
