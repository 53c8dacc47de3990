import { join } from 'node:path'
import test from 'ava'
import type { FileSystem, OpenMode } from '../../src/fs/file-system.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { type Random, random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

const ROUNDS = 60
const CALLS_A_ROUND = 120
const FILES = ['a', 'b', 'folder/c', 'folder/d', 'a/below']
const NAMES = [...FILES, 'folder', 'none/e']
/** Opening a folder for reading succeeds with some systems and fails with others. */
const MODES: readonly OpenMode[] = ['write', 'create']

/** A call, to be made of any file system: descriptors are told by their place in the order of their opening. */
type Call = (fs: FileSystem, root: string, fds: (number | undefined)[]) => unknown

function randomCall(random: Random, opened: number): { readonly title: string; readonly call: Call } {
  const of = <T>(choices: readonly T[]): T => choices[random.below(choices.length)] as T // Within its bounds.
  const place = random.below(Math.max(1, opened))
  const [path, other] = [of(NAMES), of(NAMES)]
  const length = random.below(of([4, 600, 3000])) + 1
  const position = random.below(of([4, 2000, 9000]))
  const fill = random.below(3)
  const descriptor = (fds: (number | undefined)[]): number => fds[place] ?? 1_000_000
  switch (random.below(12)) {
    case 0:
    case 1: {
      const [file, mode] = [of(FILES), of(MODES)]
      return { title: `open ${file} ${mode}`, call: (fs, root, fds) => fds.push(fs.openSync(join(root, file), mode)) }
    }
    case 2:
      return {
        title: `close ${place}`,
        call: (fs, _, fds) => {
          const fd = descriptor(fds)
          fds[place] = undefined
          fs.closeSync(fd)
        },
      }
    case 3:
      return {
        title: `truncate ${place} to ${position}`,
        call: (fs, _, fds) => fs.truncateSync(descriptor(fds), position),
      }
    case 4:
      return {
        title: `rename ${path} ${other}`,
        call: (fs, root) => fs.renameSync(join(root, path), join(root, other)),
      }
    case 5:
      return { title: `remove ${path}`, call: (fs, root) => fs.removeSync(join(root, path)) }
    case 6:
      return { title: `make ${path}`, call: (fs, root) => fs.makeDirectorySync(join(root, path)) }
    case 7:
      return { title: `list ${path}`, call: (fs, root) => fs.listSync(join(root, path)).sort() }
    case 8:
      return { title: `size of ${place}`, call: (fs, _, fds) => fs.sizeSync(descriptor(fds)) }
    case 9:
    case 10:
      return {
        title: `write ${length} of ${fill} at ${position} to ${place}`,
        call: (fs, _, fds) => fs.writeSync(descriptor(fds), Buffer.alloc(length, fill), 0, length, position),
      }
    default:
      return {
        title: `read ${length} at ${position} of ${place}`,
        call: (fs, _, fds) => {
          const buffer = Buffer.alloc(length, 9)
          return [fs.readSync(descriptor(fds), buffer, 0, length, position), buffer.toString('base64')]
        },
      }
  }
}

function outcomeOf(call: () => unknown): string {
  try {
    return JSON.stringify(call()) ?? 'done'
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException // Anything else fails the comparison.
    return `${code} ${syscall}`
  }
}

testWith(test, process.platform === 'linux' ? undefined : 'error codes are compared with those of Linux')(
  'the simulated file system answers as the real one, whatever it is asked',
  (t) => {
    const numbers = random()
    t.log(`SLUICE_SEED=${numbers.seed}`)
    for (let round = 0; round < ROUNDS; round++) {
      const simulated = new SimulatedFileSystem()
      simulated.makeDirectorySync('/root')
      const root = temporaryDirectory(t)
      const nodeFds: (number | undefined)[] = []
      const simulatedFds: (number | undefined)[] = []
      const titles: string[] = []
      for (let i = 0; i < CALLS_A_ROUND; i++) {
        const { title, call } = randomCall(numbers, nodeFds.length)
        titles.push(title)
        const expected = outcomeOf(() => {
          const result = call(nodeFileSystem, root, nodeFds)
          return title.startsWith('open') ? 'opened' : result
        })
        const actual = outcomeOf(() => {
          const result = call(simulated, '/root', simulatedFds)
          return title.startsWith('open') ? 'opened' : result
        })
        if (expected !== actual) t.is(actual, expected, titles.join('\n'))
      }
      for (const fd of nodeFds) if (fd !== undefined) nodeFileSystem.closeSync(fd)
    }
    t.pass()
  },
)
