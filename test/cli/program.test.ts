import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ExitCode } from '../../src/cli/exit-code.js'
import { HELP } from '../../src/cli/program.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { type CommandResult, program, SluiceCommand, shell, sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { writtenLog } from '../support/written-log.js'

const COMMANDS = ['append', 'cat', 'follow', 'inspect', 'stats', 'verify', 'probe', 'state', 'repair']

test.serial('sluice alone prints the help, as an error', async (t) => {
  const { exit, stdout, stderr } = await sluice(t, [])
  t.is(exit, 2)
  t.is(stdout.length, 0)
  t.is(stderr, HELP)
})

test.serial('--help, -h and help print the help', async (t) => {
  for (const end of [() => sluice(t, ['--help']), () => program(['-h']), () => program(['help'])]) {
    const { exit, stdout, stderr } = await end()
    t.is(exit, 0)
    t.is(stdout.toString(), HELP)
    t.is(stderr, '')
  }
  for (const command of COMMANDS) t.regex(HELP, new RegExp(`^  ${command} `, 'm'))
})

/** What ends with each exit code: whoever adds one has to say. */
const ENDINGS: Readonly<Record<ExitCode, (t: ExecutionContext) => Promise<CommandResult>>> = {
  0: () => program(['--version']),
  1: (t) => program(['cat', join(temporaryDirectory(t), 'missing')]),
  2: () => program([]),
  3: (t) => program(['state', temporaryDirectory(t), 'get', 'nobody']),
  130: (t) => followUntil(t, 'SIGINT'),
  143: (t) => followUntil(t, 'SIGTERM'),
}

async function followUntil(t: ExecutionContext, signal: NodeJS.Signals): Promise<CommandResult> {
  const { directory } = writtenLog(t, THREE_SEGMENTS)
  const follow = new SluiceCommand(t, ['follow', directory])
  await follow.wrote('ten\n')
  follow.child.kill(signal)
  return follow.result()
}

test.serial('the help and its page name every exit code, and each one is to be had', async (t) => {
  const codes = Object.keys(ENDINGS)
  const [, listed = ''] = HELP.split('Exit codes:\n')
  t.deepEqual(
    [...listed.matchAll(/^ {2}(\d+) /gm)].map(([, code]) => code),
    codes,
  )
  const page = readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n\| exit code \|.*\n\| --- .*\n((?:\|.*\n)+)/.exec(page) ?? []
  t.deepEqual(
    [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell = '']) => cell.split(', ')),
    codes,
  )
  for (const [code, end] of Object.entries(ENDINGS)) t.is(String((await end(t)).exit), code)
})

for (const command of COMMANDS) {
  test.serial(`${command} --help says how, with examples`, async (t) => {
    const { exit, stdout, stderr } = await program([command, '--help'])
    t.is(exit, 0)
    t.is(stderr, '')
    const help = stdout.toString()
    t.true(help.startsWith(`Usage: sluice ${command} `))
    t.regex(help, new RegExp(`^Examples:\\n  .*sluice ${command} `, 'm'))
    t.true(help.split('\n').every((line) => line.length <= 120))
    for (const args of [
      ['help', command],
      [command, '-h'],
      [command, 'DIR', '--nonsense', '--help'],
    ]) {
      const { exit, stdout, stderr } = await program(args)
      t.deepEqual({ exit, stdout: stdout.toString(), stderr }, { exit: 0, stdout: help, stderr: '' }, args.join(' '))
    }
  })
}

test.serial('--version prints the version of the package', async (t) => {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  for (const end of [() => sluice(t, ['--version']), () => program(['-V'])]) {
    const { exit, stdout } = await end()
    t.is(exit, 0)
    t.is(stdout.toString(), `${manifest.version}\n`)
  }
})

const shown = (args: readonly string[]): string => args.map((arg) => arg || "''").join(' ')

const refuses = test.macro({
  async exec(t: ExecutionContext, args: readonly string[], message: RegExp) {
    isRefusal(t, await program(args), message)
  },
  title: (_, args) => `sluice ${shown(args)} is refused`,
})

/** The same, as a process. */
const processRefuses = test.macro({
  async exec(t: ExecutionContext, args: readonly string[], message: RegExp) {
    isRefusal(t, await sluice(t, args, { input: 'one\n' }), message)
  },
  title: (_, args) => `the process sluice ${shown(args)} is refused`,
})

function isRefusal(t: ExecutionContext, { exit, stdout, stderr }: CommandResult, message: RegExp): void {
  t.is(exit, 2)
  t.is(stdout.length, 0)
  t.regex(stderr, /^sluice: [A-Z_]+: [^\n]*\n$/)
  t.regex(stderr, message)
}

test.serial(processRefuses, ['apend', 'D'], /^sluice: USAGE: there is no command "apend"; there are append, cat, /)
test.serial(refuses, ['help', 'apend'], /there is no command "apend"/)
test.serial(refuses, ['--json'], /there is no option "--json"/)
test.serial(processRefuses, ['append'], /^sluice: USAGE: DIR is missing/)
test.serial(refuses, ['append', ''], /DIR is missing/)
test.serial(refuses, ['cat', 'D', 'E'], /one DIR is enough: "E" is too much/)
test.serial(refuses, ['cat', '--form', '3', 'D'], /^sluice: USAGE: Unknown option '--form'/)
test.serial(refuses, ['cat', '--from'], /^sluice: USAGE: .*--from/)
test.serial(refuses, ['cat', '--from', '-3', 'D'], /^sluice: USAGE: .*--from/)
test.serial(refuses, ['cat', '--from', '0', 'D'], /--from must be an LSN, from 1 to 2\^53-1, not "0"/)
test.serial(refuses, ['cat', '--from', '1e3', 'D'], /--from must be an LSN.*"1e3"/)
test.serial(refuses, ['cat', '--to', '9007199254740992', 'D'], /--to must be an LSN/)
test.serial(refuses, ['cat', '--from', '5', '--to', '4', 'D'], /--to 4 lies before --from 5/)
test.serial(refuses, ['cat', '--last', '5', '--from', '4', 'D'], /--last .* neither --from nor --to/)
test.serial(refuses, ['cat', '--last', 'x', 'D'], /--last must be a whole number, not "x"/)
test.serial(refuses, ['cat', '--json=yes', 'D'], /^sluice: USAGE: .*--json/)
test.serial(refuses, ['follow', '--to', '5', 'D'], /Unknown option '--to'/)
test.serial(refuses, ['append', '--flush', 'sometimes', 'D'], /--flush must be batch, never, .*"sometimes"/)
test.serial(refuses, ['append', '--segment-bytes', '5MB', 'D'], /--segment-bytes must be .*"5MB"/)
test.serial(processRefuses, ['append', '--segment-bytes', '5', 'D'], /^sluice: SLUICE_INVALID_OPTION: segmentBytes/)

test.serial('the built file can be executed by itself', async (t) => {
  const { exit, stdout } = await shell(t, 'exec "$1" --version', [])
  t.is(exit, 0)
  t.regex(stdout.toString(), /^\d+\.\d+\.\d+\n$/)
})

test.serial('errors are one line, whatever a path holds', async (t) => {
  const directory = join(temporaryDirectory(t), 'a\n\u001b[31mb')
  const { exit, stderr } = await program(['cat', directory])
  t.is(exit, 1)
  t.regex(stderr, /^sluice: SLUICE_INVALID_ARGUMENT: [^\n]*a\\n\\u001b\[31mb is not a folder\n$/)
})

test.serial('a folder of a name like an option is given behind --', async (t) => {
  const directory = join(temporaryDirectory(t), '--help')
  t.is((await sluice(t, ['append', '--', directory], { input: 'one\n' })).exit, 0)
  const { stdout } = await shell(t, 'cd "$3/.." && exec "$0" "$1" cat -- --help', ['cat', directory])
  t.is(stdout.toString(), 'one\n')
})

test.serial('help ends quietly when nobody reads it', async (t) => {
  const { stderr } = await shell(t, `{ "$0" "$@"; echo "exit $?" >&2; } | true`, ['--help'])
  t.is(stderr, 'exit 0\n')
})
