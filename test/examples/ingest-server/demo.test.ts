import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'

const DEMO = [fileURLToPath(new URL('../../../examples/ingest-server/demo.js', import.meta.url))]

const DEMO_WITH_MISHAP = fileURLToPath(new URL('../../fixtures/demo-with-mishap.js', import.meta.url))

/** Runs the demo in a folder of its own; `onOutput` sees all of its output so far. */
function runDemo(
  t: ExecutionContext,
  args: readonly string[],
  onOutput: (output: string, pid: number) => void = () => {},
  program: readonly string[] = DEMO,
) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-demo-test-'))
  const child = spawn(process.execPath, [...program, '--directory', directory, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      onOutput(output, child.pid ?? 0)
    })
  }
  return new Promise<{ code: number | null; output: string; left: string[] }>((resolve, reject) => {
    child.on('error', reject)
    // The demo's own children write to the same pipes: 'close' comes only once all of them are gone.
    child.on('close', (code) => resolve({ code, output, left: readdirSync(directory) }))
  })
}

/** Runs the demo, whose folder something befalls while the service is down: it fails, and leaves nothing. Returns what it said. */
async function failsByMishap(t: ExecutionContext, what: 'lose' | 'damage'): Promise<string> {
  const args = ['--seconds', '0.3', '--connections', '8']
  const { code, output, left } = await runDemo(t, args, undefined, [DEMO_WITH_MISHAP, what])
  t.log(output)
  t.is(code, 1)
  t.deepEqual(left, [])
  return output
}

test('what was acknowledged before a SIGKILL is there afterwards, and nothing is left behind', async (t) => {
  const { code, output, left } = await runDemo(t, ['--seconds', '0.5', '--connections', '8'])
  t.log(output)
  t.is(code, 0)
  const acknowledged = Number(/^acknowledged (\d+), lost 0$/m.exec(output)?.[1])
  t.true(acknowledged > 0)
  t.regex(output, / [1-9]\d* requests were on their way when it died/)
  t.regex(output, /requests\/s +\d+ +\d+\n/)
  t.deepEqual(left, [])
})

test('a record that was acknowledged and is not there is counted, and the demo fails', async (t) => {
  const output = await failsByMishap(t, 'lose')
  const [, acknowledged, lost] = /^acknowledged (\d+), lost (\d+)$/m.exec(output) ?? []
  t.true(Number(acknowledged) > 5)
  t.is(Number(lost), Number(acknowledged) - 4, 'of five that are left one is another')
  t.regex(output, /^ {3}5 records recovered in /m)
  t.is(output.match(/^ {3}lost: record \d+, acknowledged with LSN \d+$/gm)?.length, 5)
})

test('a log that is damaged, so that the service can’t start again, makes the demo fail', async (t) => {
  const output = await failsByMishap(t, 'damage')
  t.regex(output, /SLUICE_CORRUPT/)
  t.regex(output, /^the demo failed: the service ended before it listened: 1$/m)
  t.notRegex(output, /^acknowledged/m)
})

test('Ctrl-C in the middle of the load takes everything away', async (t) => {
  let interrupted = false
  const { code, output, left } = await runDemo(t, ['--seconds', '60', '--connections', '8'], (output, pid) => {
    if (interrupted || !output.includes('appends/s')) return
    interrupted = true
    process.kill(pid, 'SIGINT')
  })
  t.true(interrupted)
  t.is(code, 130)
  t.notRegex(output, /failed/)
  t.deepEqual(left, [])
})

test('arguments that make no sense are refused', async (t) => {
  const { code, output } = await runDemo(t, ['--seconds', 'none'])
  t.is(code, 2)
  t.regex(output, /^usage:/)
})
