/**
 * Runs the parts, in namespaces of its own (see ../power.ts): its mounts, and the processes that it starts, end with it. Prints
 * the table. Exits with 0 where all is well, with 1 where something is not as promised.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatTable } from '../../../bench/table.js'
import { Random } from '../../../src/testing/random.js'
import { FILE_SYSTEM_KINDS, type FileSystemKind } from './file-system-kinds.js'
import { LoadRecords } from './load-record.js'
import { makeImage, mountImage, mountTmpfs, unmount } from './mounts.js'
import { PARTS } from './parts.js'
import { findProgram, type Row, type Run, type RunSettings } from './run.js'

const LARGEST_RECORD_BYTES = 60_000
const GENERATION_STEP = 1000

const [where = '', text = ''] = process.argv.slice(2)
/** ../power.ts writes it. */
const settings = JSON.parse(text) as RunSettings
// Whoever started this wants it to end, or is gone.
process.stdin.on('end', clearAway).resume()

const folder = join(where, 'work')
mountTmpfs(folder, '4g')
const rows: Row[] = []
const skipped: string[] = []
let generation = 0
let paths = 0
const run: Run = {
  folder,
  random: new Random(settings.seed),
  settings,
  kinds: await usableKinds(),
  records: new LoadRecords(settings.seed, LARGEST_RECORD_BYTES),
  nextGeneration() {
    generation += GENERATION_STEP
    return generation
  },
  newPath(what) {
    paths++
    return join(folder, `${what}-${paths}`)
  },
  add(row) {
    rows.push(row)
    console.log(`${row.part}, ${row.on}: ${row.tried}; ${row.checked} records checked, ${row.lost} lost`)
    for (const problem of row.problems) console.log(`  PROBLEM: ${problem}`)
  },
  skip(what) {
    skipped.push(what)
    console.log(`skipped: ${what}`)
  },
}
const startedMs = Date.now()
for (const [name, part] of Object.entries(PARTS)) {
  if (settings.only.length === 0 || settings.only.includes(name)) await part(run)
}
await unmount(folder)
report()

/** Those that can be made and mounted here. */
async function usableKinds(): Promise<readonly FileSystemKind[]> {
  const usable: FileSystemKind[] = []
  for (const kind of FILE_SYSTEM_KINDS) {
    const [program = ''] = kind.make
    if (findProgram(program) === undefined) {
      skipped.push(`${kind.name}: there is no ${program} (Debian: apt install ${kind.debianPackage})`)
      continue
    }
    try {
      const image = makeImage(join(folder, `try-${kind.name}`), kind)
      mountImage(image, join(folder, 'try'), kind)
      await unmount(join(folder, 'try'))
      usable.push(kind)
    } catch (error) {
      skipped.push(`${kind.name}: it can't be mounted here from a loop device: ${String(error)}`)
    }
  }
  for (const what of skipped) console.log(`skipped: ${what}`)
  return usable
}

function report(): void {
  const lost = rows.reduce((sum, row) => sum + row.lost, 0)
  const checked = rows.reduce((sum, row) => sum + row.checked, 0)
  const problems = rows.flatMap((row) => row.problems.map((problem) => `${row.part}, ${row.on}: ${problem}`))
  const cells = rows.map((row) => [
    row.part,
    row.on,
    row.checked.toLocaleString('en-US'),
    `${row.lost}`,
    `${row.problems.length}`,
  ])
  const total = ['together', '', checked.toLocaleString('en-US'), `${lost}`, `${problems.length}`]
  const seconds = Math.round((Date.now() - startedMs) / 1000)
  const title = `\nPower cuts and other accidents, seed ${settings.seed}, rounds ${settings.rounds}, ${seconds} s`
  console.log(formatTable(title, ['part', 'on', 'records checked', 'lost', 'problems'], [...cells, total], ''))
  for (const row of rows) console.log(`  ${row.part}, ${row.on}: ${row.tried}`)
  for (const what of skipped) console.log(`  skipped: ${what}`)
  for (const problem of problems) console.log(`  PROBLEM: ${problem}`)
  if (rows.length === 0) console.log('  nothing was tried')
  const fine = lost === 0 && problems.length === 0 && rows.length > 0
  const untried = skipped.length === 0 ? '' : ` (${skipped.length} kinds of trial could not be made here: see above)`
  console.log(fine ? `\nNothing that was acknowledged was lost${untried}.` : '\nNot all is as promised.')
  process.exitCode = fine ? 0 : 1
  if (existsSync(folder)) process.stdin.destroy()
}

/**
 * Ends all other processes of this namespace, and then unmounts what there is, the last one first: left to the kernel, a
 * file system whose users were killed along with its namespace can keep its loop device.
 */
function clearAway(): void {
  try {
    process.kill(-1, 'SIGKILL') // In a process namespace: all of it but this one, its first process.
  } catch {
    // There is no other one.
  }
  for (let attempts = 100; attempts > 0; attempts--) {
    const mounted = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((place) => place.startsWith(`${where}/`))
    if (mounted.length === 0) break
    for (const place of mounted.reverse()) spawnSync('umount', [place])
  }
  process.exit(4)
}
