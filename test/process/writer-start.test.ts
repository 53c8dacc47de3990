import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

/** Entries of a writer thread that can't work, as text; without one there is no file. */
const BAD_ENTRIES: readonly (readonly [string, string | undefined])[] = [
  ['is missing', undefined],
  ['is no JavaScript', 'export default function {'],
  ['throws when it is loaded', 'throw new Error("not today")'],
  ['rejects when it is loaded', 'await Promise.reject(new Error("not today"))'],
  ['imports what is not there', 'import "./nowhere.mjs"'],
  ['exits when it is loaded', 'process.exit(0)'],
  ['exports no function', 'export default 7'],
  ['exports nothing', ''],
  ['throws when it is called', 'export default () => { throw new Error("not today") }'],
  ['exits when it is called', 'export default () => process.exit(0)'],
  ['answers with nonsense', 'export default () => ({ kind: "ready" })'],
  ['says that it has opened a log, and which it does not', 'export default () => ({ kind: "opened" })'],
  ['answers with nothing', 'export default () => {}'],
]

function entry(t: ExecutionContext, text: string | undefined): URL {
  const path = join(temporaryDirectory(t), 'entry.mjs')
  if (text !== undefined) writeFileSync(path, text)
  return pathToFileURL(path)
}

for (const [name, text] of BAD_ENTRIES) {
  test.serial(`a writer thread whose entry ${name} fails the opening, and gives the directory free`, async (t) => {
    const directory = temporaryDirectory(t)
    const workerUrl = entry(t, text)
    await t.throwsAsync(openLog(directory, { workerUrl }), { instanceOf: SluiceError, code: 'SLUICE_IO' })
    const log = await openLog(directory)
    t.is(await log.append('x'), 1)
    await log.close()
  })
}

test.serial('writer threads that fail to start do not keep the process alive, whatever they fail with', async (t) => {
  const entries = BAD_ENTRIES.map(([, text]) => entry(t, text).href)
  const { lines, code, complaints } = await new FixtureProcess(t, 'open-in-vain', [
    temporaryDirectory(t),
    ...entries,
  ]).end()
  const expected = [...entries.map(() => 'SLUICE_IO'), 'exit']
  t.deepEqual({ lines, code, complaints }, { lines: expected, code: 0, complaints: '' })
})

for (const url of [
  'https://example.org/writer.js',
  'data:text/javascript,export default 7',
  'file://elsewhere/writer.js',
]) {
  test.serial(`a writer thread's entry at ${url} is refused by name, and locks nothing`, async (t) => {
    const directory = temporaryDirectory(t)
    const opening = async () => openLog(directory, { workerUrl: new URL(url) })
    await t.throwsAsync(opening(), { instanceOf: SluiceError, code: 'SLUICE_INVALID_OPTION', message: /workerUrl/ })
    t.deepEqual(readdirSync(directory), [])
    const log = await openLog(directory)
    await log.close()
  })
}

testWith(test, process.platform === 'linux' ? undefined : 'only Linux lists threads')(
  'a writer thread that fails to start, or whose log is closed, leaves no thread behind',
  async (t) => {
    const openAndClose = async () => {
      const log = await openLog(temporaryDirectory(t))
      await log.append('x')
      await log.close()
    }
    // Node's own threads for file I/O come with the first call.
    await openAndClose()
    const before = await settledThreads(Number.POSITIVE_INFINITY)
    for (const [, text] of BAD_ENTRIES) {
      await t.throwsAsync(openLog(temporaryDirectory(t), { workerUrl: entry(t, text) }))
    }
    await openAndClose()
    t.true((await settledThreads(before)) <= before)
  },
)

/** The number of this process's threads once there are no more than this many: one that has ended may be listed a little longer. */
async function settledThreads(most: number): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const threads = readdirSync('/proc/self/task').length
    if (threads <= most || attempt === 1000) return threads
    await delay(10)
  }
}
