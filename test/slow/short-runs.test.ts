import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { random } from '../support/random.js'
import { missingProc } from '../support/soak/resources.js'
import { testWith } from '../support/tools.js'

// The slow scripts, for a moment each, so that they can't rot.

/** Runs a script to its end; returns what it printed, and its table by the names of the rows. */
async function run(t: ExecutionContext, script: string, ...args: readonly string[]) {
  const path = new URL(`./${script}.js`, import.meta.url).pathname
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code]: [number | null] = (await once(child, 'close')) as [number | null] // As Node documents it.
  t.is(code, 0, output)
  const rows = output.split('\n').map((line) => line.split(/ {2,}/))
  return {
    output,
    figures: new Map(rows.map(([name = '', figure = '']) => [name, Number(figure.replaceAll(',', ''))])),
  }
}

testWith(test.serial, missingProc())('a short soak finds nothing wrong, and says what it did', async (t) => {
  const { seed } = random()
  const { output, figures } = await run(t, 'soak', '--minutes', '0.015', '--seed', `${seed}`)
  t.log(output)
  const acknowledged = figures.get('records acknowledged') ?? 0
  t.true(acknowledged > 0)
  // Each record is followed at least here and in another process.
  t.true((figures.get('records followed and checked') ?? 0) >= 2 * acknowledged)
  t.is(figures.get('violations (lost, doubled, changed, …)'), 0)
  t.is(figures.get('seed'), seed)
})

test.serial('a round of killed processes loses nothing, and says what it did', async (t) => {
  const { seed } = random()
  const { figures } = await run(t, 'crash-processes', '--rounds', '1', '--seed', `${seed}`)
  t.deepEqual([figures.get('rounds'), figures.get('lost'), figures.get('seed')], [1, 0, seed])
})

test.serial('arguments that are none are refused', async (t) => {
  for (const args of [['--minutes', 'ten'], ['--minute', '10'], ['--seed']]) {
    const child = spawn(process.execPath, [new URL('./soak.js', import.meta.url).pathname, ...args], {
      stdio: 'ignore',
    })
    t.teardown(() => child.kill('SIGKILL'))
    t.deepEqual(await once(child, 'close'), [2, null])
  }
})
