import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'

const DEMO = fileURLToPath(new URL('../../../examples/ingest-server/demo.js', import.meta.url))

/** Runs the demo in a folder of its own; `onOutput` sees all of its output so far. */
function runDemo(t: ExecutionContext, args: readonly string[], onOutput: (output: string, pid: number) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-demo-test-'))
  const child = spawn(process.execPath, [DEMO, '--directory', directory, ...args], {
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

test('what was acknowledged before a SIGKILL is there afterwards, and nothing is left behind', async (t) => {
  const { code, output, left } = await runDemo(t, ['--seconds', '1', '--connections', '16'], () => {})
  t.log(output)
  t.is(code, 0)
  const acknowledged = Number(/^acknowledged (\d+), lost 0$/m.exec(output)?.[1])
  t.true(acknowledged > 0)
  t.regex(output, / [1-9]\d* requests were on their way when it died/)
  t.regex(output, /requests\/s +\d+ +\d+\n/)
  t.deepEqual(left, [])
})

test('Ctrl-C in the middle of the load takes everything away', async (t) => {
  let interrupted = false
  const { code, output, left } = await runDemo(t, ['--seconds', '60', '--connections', '16'], (output, pid) => {
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
  const { code, output } = await runDemo(t, ['--seconds', 'none'], () => {})
  t.is(code, 2)
  t.regex(output, /^usage:/)
})
