import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

interface Bundling {
  readonly WRITER_BUNDLE: string
  bundleWriter(root: string, write: boolean): Promise<readonly { readonly path: string; readonly text: string }[]>
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
// The scripts are no TypeScript, for they run in a build.
const script = new URL('scripts/writer-bundle.mjs', new URL('../../../', import.meta.url))
const { WRITER_BUNDLE, bundleWriter }: Bundling = await import(script.href)

test('the writer’s thread runs the modules that were compiled last: where this fails, run the whole build', async (t) => {
  const made = await bundleWriter(ROOT, false)
  t.deepEqual(made.map(({ path }) => basename(path)).sort(), ['writer.bundle.js', 'writer.bundle.js.map'])
  for (const { path, text } of made) t.is(readFileSync(path, 'utf8'), text, basename(path))
})

test('it is one file, which needs nothing but Node, and knows the sources it was made of', (t) => {
  const text = readFileSync(join(ROOT, 'dist', WRITER_BUNDLE), 'utf8')
  const imported = [...text.matchAll(/^import .* from "([^"]+)";$/gm)].map(([, name = '']) => name)
  t.true(imported.includes('node:fs'))
  t.deepEqual(
    imported.filter((name) => !name.startsWith('node:')),
    [],
  )
  t.notRegex(text, /\b(?:require|import)\(/)
  const { sources } = JSON.parse(readFileSync(join(ROOT, 'dist', `${WRITER_BUNDLE}.map`), 'utf8'))
  t.true(sources.includes('../../src/writer/writer.ts'), sources.join('\n'))
})
