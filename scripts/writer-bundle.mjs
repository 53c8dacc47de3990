/*
 * The writer's thread as one file. A thread that loads the writer's fifty modules one by one takes 20 ms longer to start, and
 * each log that is opened waits for that. What is bundled is what tsc made, so that there is one compiler; what mutates
 * or replaces single modules in a test does so in its own thread, or has an entry of its own.
 */
import { join } from 'node:path'
import { build } from 'esbuild'

/** Below `dist`. */
export const WRITER_BUNDLE = 'workers/writer.bundle.js'

/** Makes the bundle of the modules that lie in `dist`; returns the files, and writes them where that is asked for. */
export async function bundleWriter(root, write) {
  const { outputFiles } = await build({
    // What is told of the modules' places is the same wherever this runs.
    absWorkingDir: root,
    entryPoints: [join(root, 'dist/workers/writer.js')],
    outfile: join(root, 'dist', WRITER_BUNDLE),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    // Of the package's dependencies the writer has none, and none is to be copied into it.
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    write,
  })
  return outputFiles ?? []
}
