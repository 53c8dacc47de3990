import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { SLUICE, sluice } from '../support/sluice-command.js'
import { missingTool, testWith } from '../support/tools.js'
import { writtenLog } from '../support/written-log.js'

const missingScript = missingTool('script', '-qec', 'true', '/dev/null')
const onTerminal = testWith(test, missingScript)

/** Runs the command on a terminal of its own, on which `typed` is typed once it asks. */
async function typeAt(
  t: ExecutionContext,
  args: readonly string[],
  typed: string,
): Promise<{ exit: number | null; shown: string }> {
  const command = [process.execPath, SLUICE, ...args].map((part) => `'${part}'`).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let shown = ''
  let asked = false
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    if (asked || !shown.includes('[y/N]')) return
    asked = true
    child.stdin.write(typed)
  })
  await once(child, 'close')
  return { exit: child.exitCode, shown }
}

function damagedLog(t: ExecutionContext): string {
  return writtenLog(t, THREE_SEGMENTS, (log) => {
    const segment = segmentOf(log, 1)
    flip(segment.bytes, frameOf(segment, 1).offset + 60)
  }).directory
}

onTerminal('repair asks on a terminal, and does what it said after a yes', async (t) => {
  const directory = damagedLog(t)
  const { exit, shown } = await typeAt(t, ['repair', directory], 'y\n')
  t.is(exit, 0)
  t.regex(shown, /would be lost: LSN 6 to 10.*\[y\/N\].*\nlost: LSN 6 to 10/s)
  t.is((await sluice(t, ['verify', directory])).exit, 0)
})

for (const [what, typed] of [
  ['no', 'n\n'],
  ['an empty line', '\n'],
  ['the end of the input', '\u0004'],
] as const) {
  onTerminal(`repair changes nothing after ${what}`, async (t) => {
    const directory = damagedLog(t)
    const { exit, shown } = await typeAt(t, ['repair', directory], typed)
    t.is(exit, 1)
    t.regex(shown, /nothing was changed/)
    t.is((await sluice(t, ['verify', directory])).exit, 1)
  })
}
