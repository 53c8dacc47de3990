import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { Messages } from '../../src/cli/messages.js'
import { counted, shownBytes, shownDuration, shownRate, shownTime } from '../../src/cli/quantity.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { SLUICE, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'
import { writtenLog } from '../support/written-log.js'

/** Standard error as far as messages use it. */
class Screen extends Writable {
  readonly isTTY: boolean
  columns = 20
  text = ''

  constructor(isTTY: boolean) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk
    done()
  }
}

function messagesOn(isTTY: boolean): { messages: Messages; screen: Screen } {
  const screen = new Screen(isTTY)
  return { messages: new Messages(screen as unknown as NodeJS.WriteStream), screen } // It has all that is used.
}

test('on a terminal each thing shown takes the place of the one before, and what is said stays', (t) => {
  const { messages, screen } = messagesOn(true)
  messages.show('12345')
  messages.show('123')
  messages.say('done')
  messages.show('')
  t.is(screen.text, '\r12345\r123  \r   \rdone\n')
})

test('what is shown never takes more than a line', (t) => {
  const { messages, screen } = messagesOn(true)
  messages.show('x'.repeat(100))
  t.is(screen.text.length, 20)
  screen.columns = 0
  messages.show('y'.repeat(100))
  t.is(screen.text.length, 20 + 80)
})

test('elsewhere nothing is shown, and there are no control characters', (t) => {
  const { messages, screen } = messagesOn(false)
  messages.show('12345')
  messages.say('one\u001b[31m\ntwo')
  t.is(screen.text, 'one\\u001b[31m\\ntwo\n')
})

test('quantities for people', (t) => {
  t.deepEqual([0, 999, 1000, 2_370_789, 999_499, 999_500, 5e15].map(shownBytes), [
    '0 B',
    '999 B',
    '1 kB',
    '2.37 MB',
    '999 kB',
    '1 MB',
    '5 PB',
  ])
  t.deepEqual([0, 5.123, 999, 1000, 119_000, 120_000, 7_200_000, 172_800_000].map(shownDuration), [
    '0 ms',
    '5.12 ms',
    '999 ms',
    '1 s',
    '119 s',
    '2 min',
    '2 h',
    '2 days',
  ])
  t.is(shownRate(10, 100, 'records'), '100 records/s')
  t.is(shownRate(10, 0, 'records'), '')
  t.deepEqual(
    [counted(0, 'record'), counted(1, 'record'), counted(2, 'record')],
    ['0 records', '1 record', '2 records'],
  )
  t.deepEqual(
    [shownTime(0), shownTime(undefined), shownTime(1000), shownTime(1e300)],
    ['-', '-', '1970-01-01T00:00:01.000Z', '1e+300 ms'],
  )
})

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
