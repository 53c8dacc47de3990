import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface BuiltFiles {
  /** What a build begins with. */
  clean(root: string): void
  /** What it ends with. */
  seal(root: string): void
}

// The scripts are no TypeScript, for they have to run before there is anything compiled.
const { clean, seal }: BuiltFiles = await import(new URL('../../../scripts/built-files.mjs', import.meta.url).href)

const SOURCES = ['src/log.ts', 'src/fs/file.ts', 'test/log.test.ts']
const OUTPUTS = SOURCES.flatMap((source) => ['.js', '.js.map', '.d.ts'].map((end) => source.replace('.ts', end)))

/** A project that was built, by all that the rules look at. */
function project(t: ExecutionContext): string {
  const root = temporaryDirectory(t)
  for (const source of SOURCES) put(root, source, `the source ${source}`)
  for (const output of OUTPUTS) put(root, join('dist', output), `the output ${output}`)
  put(root, 'dist/.tsbuildinfo', 'what tsc noted')
  seal(root)
  return root
}

function put(root: string, name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true })
  writeFileSync(join(root, name), text)
}

/** The files in `dist`, which may be gone. */
function left(root: string): string[] {
  const dist = join(root, 'dist')
  if (!existsSync(dist)) return []
  const entries = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map(({ parentPath, name }) => join(parentPath, name).slice(dist.length + 1)).sort()
}

const ALL = [...OUTPUTS, '.tsbuildinfo'].sort()

test('a build goes on from what the one before it left', (t) => {
  const root = project(t)
  clean(root)
  t.deepEqual(left(root), ALL)
  t.is(readFileSync(join(root, 'dist/src/log.js'), 'utf8'), 'the output src/log.js')
  seal(root)
  clean(root)
  t.deepEqual(left(root), ALL)
})

test('the output of a source that is gone goes too: a deleted test never runs again', (t) => {
  const root = project(t)
  rmSync(join(root, 'test/log.test.ts'))
  clean(root)
  const expected = ALL.filter((name) => !name.startsWith('test/log.test.'))
  t.is(expected.length, ALL.length - 3)
  t.deepEqual(left(root), expected)
})

test('what no build made goes, even where a source has its name', (t) => {
  const root = project(t)
  put(root, 'dist/test/stray.test.js', 'left by a renamed source')
  put(root, 'dist/canaries/1/src/log.js', 'left by a test that was killed')
  put(root, 'src/new.ts', 'not compiled yet')
  put(root, 'dist/src/new.js', 'by no build')
  clean(root)
  t.deepEqual(left(root), ALL)
})

test('nothing is believed of a build that did not come to its end', (t) => {
  const root = project(t)
  clean(root)
  // Here tsc is killed: it may have written some of its output, and its note or not.
  put(root, 'dist/src/log.js', 'half')
  clean(root)
  t.deepEqual(left(root), [])
})

for (const [what, spoil] of [
  ['an output is not what the build made', (root) => put(root, 'dist/src/log.js', 'made by hand')],
  ['an output is gone', (root) => rmSync(join(root, 'dist/src/fs/file.d.ts'))],
  ['the note of tsc is another', (root) => put(root, 'dist/.tsbuildinfo', 'of another run')],
  ['the note of tsc is gone', (root) => rmSync(join(root, 'dist/.tsbuildinfo'))],
  ['the note of the build is cut off', (root) => put(root, 'dist/.built', '[["src/log.js","')],
  ['the note of the build is gone', (root) => rmSync(join(root, 'dist/.built'))],
  ['there was no build', (root) => rmSync(join(root, 'dist'), { recursive: true })],
] satisfies readonly (readonly [string, (root: string) => void])[]) {
  test(`everything is compiled anew where ${what}`, (t) => {
    const root = project(t)
    spoil(root)
    clean(root)
    t.deepEqual(left(root), [])
  })
}
