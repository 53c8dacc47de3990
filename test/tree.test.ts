import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type Exception, problemsOf, type Sources } from './support/source-tree.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What the design's text asks for, and its table of imports leaves out. */
const EXCEPTIONS: readonly Exception[] = [
  ...['frame-encoder', 'intake', 'pending-frame'].map((name) => ({
    from: `src/log/${name}.ts`,
    to: 'src/format/frame.ts',
    typeOnly: false,
    reason: 'the coordinator encodes records, and closes frames, straight in the shared memory',
  })),
  {
    from: 'src/log/inline-committer.ts',
    to: 'src/writer/',
    typeOnly: false,
    reason: 'over a file system of the caller’s own the writer runs in this thread',
  },
  {
    from: 'src/log/thread-committer.ts',
    to: 'src/writer/',
    typeOnly: true,
    reason: 'what the writer’s thread is asked, and answers, are types of the writer',
  },
  ...['log/open-log', 'log/log-reader', 'options', 'fs/folder-path', 'fs/node-file-system'].map((name) => ({
    from: 'src/events/open-event-store.ts',
    to: `src/${name}.ts`,
    typeOnly: false,
    reason: 'the one file of the store that opens its log, and knows where files lie',
  })),
  {
    from: 'src/write-behind/open-journal-log.ts',
    to: 'src/log/open-log.ts',
    typeOnly: false,
    reason: 'the one file of the store that opens its log',
  },
  ...['log/open-log', 'log/log-reader', 'fs/folder-path', 'fs/node-file-system'].map((name) => ({
    from: 'src/state/open-state-store.ts',
    to: `src/${name}.ts`,
    typeOnly: false,
    reason: 'this is where a state store opens the log that it stands on; nothing else of it knows how',
  })),
]

function readTree(): Map<string, string> {
  const sources = new Map<string, string>()
  for (const top of ['src', 'workers', 'test', 'bench', 'examples']) {
    if (!existsSync(join(ROOT, top))) continue
    for (const name of readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })) {
      // The peers of the benchmark are installed in its folder.
      if (!name.endsWith('.ts') || name.split(sep).includes('node_modules')) continue
      const path = `${top}/${name.split(sep).join('/')}`
      sources.set(path, readFileSync(join(ROOT, path), 'utf8'))
    }
  }
  return sources
}

test('the tree keeps to the design', (t) => {
  const sources = readTree()
  t.true(sources.size > 50, 'the sources are found')
  t.deepEqual(problemsOf(sources, EXCEPTIONS), [])
})

// What follows shows that the check can fail.

/** A tree of files that are all there, whatever is imported. */
function tree(files: Readonly<Record<string, string>>): Sources {
  return new Map(Object.entries(files))
}

/** The problems of a tree in which `from` imports `to`, and nothing else happens. */
function problemsOfImport(from: string, to: string, statement: (specifier: string) => string): string[] {
  const up = '../'.repeat(from.split('/').length - 1)
  return problemsOf(tree({ [from]: statement(`${up}${to.replace(/\.ts$/, '.js')}`), [to]: 'export const x = 1' }))
}

const STATEMENTS: readonly ((specifier: string) => string)[] = [
  (specifier) => `import { x } from '${specifier}'`,
  (specifier) => `import '${specifier}'`,
  (specifier) => `import * as all from '${specifier}'`,
  (specifier) => `import x, { type Y } from "${specifier}"`,
  (specifier) => `import type { X } from '${specifier}'`,
  (specifier) => `import { type X, type Y } from '${specifier}'`,
  (specifier) => `function later() { return import('${specifier}') }`,
  (specifier) => `let x: import('${specifier}').X`,
  (specifier) => `import x = require('${specifier}')`,
]

function refusesImport(t: ExecutionContext, from: string, to: string): void {
  for (const statement of STATEMENTS) {
    t.regex(problemsOfImport(from, to, statement).join('\n'), /^src\S+ must not import \S+/, `${from} ${statement(to)}`)
  }
}

function allowsImport(t: ExecutionContext, from: string, to: string): void {
  for (const statement of STATEMENTS) t.deepEqual(problemsOfImport(from, to, statement), [], `${from} ${statement(to)}`)
}

test('imports that the table does not have are found, whatever their form', (t) => {
  refusesImport(t, 'src/format/a.ts', 'src/fs/b.ts')
  refusesImport(t, 'src/fs/a.ts', 'src/format/b.ts')
  refusesImport(t, 'src/segment/a.ts', 'src/log/b.ts')
  refusesImport(t, 'src/log/a.ts', 'src/writer/b.ts')
  refusesImport(t, 'src/observe/a.ts', 'src/log/contract.ts')
  refusesImport(t, 'src/errors.ts', 'src/fs/b.ts')
  refusesImport(t, 'src/options.ts', 'src/log/b.ts')
  refusesImport(t, 'src/format/a.ts', 'src/options.ts')
  refusesImport(t, 'src/events/a.ts', 'src/log/log.ts')
  refusesImport(t, 'src/events/a.ts', 'src/state/b.ts')
  refusesImport(t, 'src/cli/a.ts', 'src/segment/b.ts')
  refusesImport(t, 'src/testing/a.ts', 'src/segment/b.ts')
  refusesImport(t, 'src/a-new-folder/a.ts', 'src/errors.ts')
})

test('imports that the table has are let through', (t) => {
  allowsImport(t, 'src/log/a.ts', 'src/log/below/b.ts')
  allowsImport(t, 'src/log/contract.ts', 'src/observe/stats.ts')
  allowsImport(t, 'src/log/contract.ts', 'src/segment/recovery-report.ts')
  allowsImport(t, 'src/writer/a.ts', 'src/ring/b.ts')
  allowsImport(t, 'src/testing/a.ts', 'src/fs/b.ts')
  allowsImport(t, 'src/testing/a.ts', 'src/errors.ts')
  allowsImport(t, 'workers/writer.ts', 'src/writer/b.ts')
  allowsImport(t, 'test/log/a.test.ts', 'src/writer/b.ts')
  allowsImport(t, 'test/log/a.test.ts', 'workers/writer.ts')
  allowsImport(t, 'bench/main.ts', 'src/ring/b.ts')
  allowsImport(t, 'bench/main.ts', 'test/support/b.ts')
})

test('stores know a log by its type only', (t) => {
  const found = STATEMENTS.map(
    (statement) => problemsOfImport('src/events/a.ts', 'src/log/contract.ts', statement).length,
  )
  t.deepEqual(found, [1, 1, 1, 1, 0, 0, 1, 0, 1])
})

test('what the entry passes on is public, and nothing else', (t) => {
  const files = {
    'src/index.ts': "export { openLog } from './log/open-log.js'",
    'src/log/open-log.ts': 'export const openLog = 1',
    'src/log/hidden.ts': 'export const hidden = 1',
    'src/cli/main.ts': "import { openLog } from '../log/open-log.js'\nimport * as all from '../index.js'",
  }
  t.deepEqual(problemsOf(tree(files)), [])
  const hidden = { ...files, 'src/testing/kit.ts': "import { hidden } from '../log/hidden.js'" }
  t.deepEqual(problemsOf(tree(hidden)), ['src/testing/kit.ts must not import src/log/hidden.ts'])
  const entry = { ...files, 'src/ring/a.ts': "import { openLog } from '../index.js'" }
  t.deepEqual(problemsOf(tree(entry)), ['src/ring/a.ts must not import src/index.ts'])
})

test('the entry passes on names of the front ends, and types', (t) => {
  const others = { 'src/log/a.ts': '', 'src/segment/b.ts': '' }
  const entry = (text: string): string[] => problemsOf(tree({ ...others, 'src/index.ts': text }))
  t.deepEqual(entry("export { a } from './log/a.js'\nexport type { B } from './segment/b.js'"), [])
  t.deepEqual(entry("export { b } from './segment/b.js'"), ['src/index.ts must not import src/segment/b.ts'])
  t.regex(entry("export * from './log/a.js'").join(), /something else than named exports: export \*/)
  t.regex(entry("export * as log from './log/a.js'").join(), /something else than named exports/)
  t.regex(entry("import { a } from './log/a.js'").join(), /something else than named exports/)
  t.regex(entry('export const version = 1').join(), /something else than named exports/)
})

test('barrels are found', (t) => {
  for (const text of ["export * from './a.js'", "export { a } from './a.js'", "export type { A } from './a.js'"]) {
    const found = problemsOf(tree({ 'src/log/a.ts': '', 'src/log/index.ts': text }))
    t.deepEqual(found, [`src/log/index.ts passes on what another file has: ${text}`])
  }
  t.deepEqual(problemsOf(tree({ 'src/testing/a.ts': '', 'src/testing/index.ts': "export { a } from './a.js'" })), [])
})

test('cycles are found, also those of types, and of a file with itself', (t) => {
  const circle = tree({
    'src/log/a.ts': "import './b.js'",
    'src/log/b.ts': "import type { C } from './c.js'",
    'src/log/c.ts': "import './a.js'\nimport './d.js'",
    'src/log/d.ts': '',
  })
  t.deepEqual(problemsOf(circle), ['a cycle: src/log/a.ts → src/log/b.ts → src/log/c.ts → src/log/a.ts'])
  t.is(
    problemsOf(tree({ 'src/errors.ts': "import './options.js'", 'src/options.ts': "import './errors.js'" })).length,
    1,
  )
  t.deepEqual(problemsOf(tree({ 'test/a.ts': "import './a.js'" })), ['a cycle: test/a.ts → test/a.ts'])
  const diamond = tree({
    'src/log/a.ts': "import './b.js'\nimport './c.js'",
    'src/log/b.ts': "import './d.js'",
    'src/log/c.ts': "import './d.js'",
    'src/log/d.ts': '',
  })
  t.deepEqual(problemsOf(diamond), [])
})

test('long files are found', (t) => {
  t.deepEqual(problemsOf(tree({ 'src/log/a.ts': '\n'.repeat(500) })), [])
  t.deepEqual(problemsOf(tree({ 'src/log/a.ts': '\n'.repeat(501) })), ['src/log/a.ts has 501 lines, more than 500'])
})

test('nothing imports tests or benchmarks, and the sources do not import workers', (t) => {
  refusesImport(t, 'src/log/a.ts', 'test/support/b.ts')
  refusesImport(t, 'src/testing/a.ts', 'bench/b.ts')
  refusesImport(t, 'src/writer/a.ts', 'workers/writer.ts')
  refusesImport(t, 'src/cli/a.ts', 'workers/writer.ts')
  const of = (from: string, to: string): string[] => problemsOfImport(from, to, (specifier) => `import '${specifier}'`)
  t.deepEqual(of('examples/a.ts', 'test/support/b.ts'), ['examples/a.ts must not import test/support/b.ts'])
  t.deepEqual(of('workers/writer.ts', 'bench/b.ts'), ['workers/writer.ts must not import bench/b.ts'])
})

test('imports of what is not there, or not told, are found', (t) => {
  t.deepEqual(problemsOf(tree({ 'src/log/a.ts': "import './b.js'" })), [
    'src/log/a.ts imports ./b.js, which is not there',
  ])
  t.deepEqual(problemsOf(tree({ 'src/log/a.ts': 'import(name)' })), [
    "src/log/a.ts imports what can't be told from its text: name",
  ])
  t.deepEqual(problemsOf(tree({ 'test/log/a.ts': 'import(name)' })), [], 'a test may load what it has made')
  t.deepEqual(problemsOf(tree({ 'src/log/a.ts': "// import './b.js'\nconst text = \"import './c.js'\"" })), [])
})

test('an exception lets through what it names, and must be needed', (t) => {
  const files = tree({
    'src/log/a.ts': "import { b } from '../writer/b.js'",
    'src/log/c.ts': "import type { B } from '../writer/b.js'",
    'src/writer/b.ts': '',
  })
  const exception = (from: string, to: string, typeOnly: boolean): Exception => ({ from, to, typeOnly, reason: '' })
  const forC = exception('src/log/c.ts', 'src/writer/', true)
  t.deepEqual(problemsOf(files, [exception('src/log/a.ts', 'src/writer/b.ts', false), forC]), [])
  t.deepEqual(problemsOf(files, [exception('src/log/a.ts', 'src/writer/', true), forC]), [
    'src/log/a.ts must not import src/writer/b.ts',
    'the exception for src/log/a.ts to import src/writer/ is not needed',
  ])
})
