import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { SLUICE, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'
import { writtenLog } from '../support/written-log.js'

const missingScript = missingTool('script', '-qec', 'true', '/dev/null')
const onTerminal = testWith(test, missingScript)

/** The command's name and arguments for a shell. */
function quoted(...args: readonly string[]): string {
  return [process.execPath, SLUICE, ...args].map((part) => `'${part}'`).join(' ')
}

/** Runs a shell's command on a terminal of its own, and types each text there once the one before it was answered. */
async function onOwnTerminal(
  t: ExecutionContext,
  command: string,
  ...typing: readonly { readonly after: string; readonly typed: string }[]
): Promise<{ readonly exit: number | null; readonly shown: string }> {
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const left = [...typing]
  let shown = ''
  const type = (): void => {
    for (let next = left[0]; next !== undefined && shown.includes(next.after); next = left[0]) {
      left.shift()
      child.stdin.write(next.typed)
    }
  }
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    type()
  })
  type()
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
  const { exit, shown } = await onOwnTerminal(t, quoted('repair', directory), { after: '[y/N]', typed: 'y\n' })
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
    const { exit, shown } = await onOwnTerminal(t, quoted('repair', directory), { after: '[y/N]', typed })
    t.is(exit, 1)
    t.regex(shown, /nothing was changed/)
    t.is((await sluice(t, ['verify', directory])).exit, 1)
  })
}

onTerminal('append shows figures on a terminal while it goes on, and wipes them away', async (t) => {
  const directory = temporaryDirectory(t)
  const { exit, shown } = await onOwnTerminal(
    t,
    `cat | ${quoted('append', directory)}`,
    { after: '', typed: 'one\ntwo\n' },
    { after: '2 records (6 B in ', typed: '\u0004' },
  )
  t.is(exit, 0)
  t.regex(shown, /\r2 records \(6 B in [^\r]*, [^\r]* records\/s\) *\r/)
  t.regex(shown, /\r +\r2 records durable, LSN 1 to 2 \([^\r]*\)\r\n$/)
})
