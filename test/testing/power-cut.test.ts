import test from 'ava'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { durableFile, outcomes, sector, sectorsOf, textOf, writeText } from '../support/simulated-files.js'

test('a write that was not synced is lost or kept', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', 'old'), 'new')
  t.deepEqual(
    outcomes(fs, (after) => textOf(after, '/file') ?? '-'),
    ['new', 'old'],
  )
})

test('a write is torn between sectors, in any order, and nowhere else', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', sector('a').repeat(3)), sector('b').repeat(3))
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['aaa', 'aab', 'aba', 'abb', 'baa', 'bab', 'bba', 'bbb'],
  )
})

test('a sector that was written in part is whole: the old bytes, or the old ones with the new', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', 'aaaa'), 'bb', 1)
  t.deepEqual(
    outcomes(fs, (after) => textOf(after, '/file') ?? '-'),
    ['aaaa', 'abba'],
  )
})

test('any version of a sector that was written since the last sync may survive', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a'))
  for (const letter of ['b', 'c', 'd']) writeText(fs, fd, sector(letter))
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['a', 'b', 'c', 'd'],
  )
})

test('of very many versions the synced and the latest ones count', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', '00000')
  for (let i = 1; i <= 1000; i++) writeText(fs, fd, String(i).padStart(5, '0'))
  const seen = outcomes(fs, (after) => textOf(after, '/file') ?? '-')
  t.is(seen[0], '00000')
  t.is(seen.at(-1), '01000')
  t.true(seen.length > 30)
  t.true(seen.slice(1).every((version) => Number(version) > 1000 - 64))
})

test('later writes survive without earlier ones', (t) => {
  const fs = new SimulatedFileSystem()
  const first = durableFile(fs, '/first', sector('a'))
  const second = durableFile(fs, '/second', sector('a'))
  writeText(fs, first, sector('b'))
  writeText(fs, second, sector('b'))
  t.deepEqual(
    outcomes(fs, (after) => `${sectorsOf(after, '/first')}${sectorsOf(after, '/second')}`),
    ['aa', 'ab', 'ba', 'bb'],
  )
})

test('size and data survive apart from each other', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a'))
  writeText(fs, fd, sector('b'), 512)
  writeText(fs, fd, sector('c'), 1024)
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['a', 'a.', 'a..', 'a.c', 'ab', 'ab.', 'abc'],
  )
})

test('what lies beyond the surviving size does not come back when the file grows again', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', 'aaa'), 'bbbb', 3)
  const seen = outcomes(fs, (after) => {
    const fd = after.openSync('/file', 'write')
    const size = after.sizeSync(fd)
    after.truncateSync(fd, 8)
    return `${size} ${textOf(after, '/file')?.replaceAll('\0', '.')}`
  })
  t.deepEqual(seen, ['3 aaa.....', '7 aaa.....', '7 aaabbbb.'])
})

test('a data sync makes data and size durable, but not the name', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = fs.openSync('/file', 'create')
  writeText(fs, fd, sector('a').repeat(2))
  fs.datasyncSync(fd)
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['-', 'aa'],
  )
})

test("a folder's sync makes names durable, but neither data nor sizes", (t) => {
  const fs = new SimulatedFileSystem()
  const fd = fs.openSync('/file', 'create')
  writeText(fs, fd, sector('a'))
  fs.syncDirectorySync('/')
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['', '.', 'a'],
  )
})

test('both syncs together leave nothing to chance', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/file', sector('a'))
  t.deepEqual(
    outcomes(fs, (after) => after.listSync('/') + sectorsOf(after, '/file')),
    ['filea'],
  )
})

test('of a rename that was not synced each name fares on its own', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/old', 'a')
  fs.renameSync('/old', '/new')
  t.deepEqual(
    outcomes(fs, (after) => `${sectorsOf(after, '/old')}${sectorsOf(after, '/new')}`),
    ['--', '-a', 'a-', 'aa'],
  )
  fs.syncDirectorySync('/')
  t.deepEqual(
    outcomes(fs, (after) => `${sectorsOf(after, '/old')}${sectorsOf(after, '/new')}`),
    ['-a'],
  )
})

test('a file with two names after a crash is one file', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/old', 'a')
  fs.renameSync('/old', '/new')
  const crashed = Array.from({ length: 100 }, (_, seed) => fs.stateAfterCrash({ seed }))
  const after = crashed.find((state) => state.listSync('/').length === 2) ?? fs
  writeText(after, after.openSync('/old', 'write'), 'b')
  t.is(textOf(after, '/new'), 'b')
})

test('a name that a rename replaces is never gone: it stands for the old file or the new one', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/file', 'a')
  durableFile(fs, '/file.tmp', 'b')
  fs.renameSync('/file.tmp', '/file')
  t.deepEqual(
    outcomes(fs, (after) => `${sectorsOf(after, '/file')}${sectorsOf(after, '/file.tmp')}`),
    ['a-', 'ab', 'b-', 'bb'],
  )
})

test('a file renamed before its data was synced can be found empty under its new name', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/file', 'a')
  writeText(fs, fs.openSync('/file.tmp', 'create'), 'b')
  fs.renameSync('/file.tmp', '/file')
  fs.syncDirectorySync('/')
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['', '.', 'b'],
  )
})

test('of a rename into another folder each folder has to be synced', (t) => {
  const fs = new SimulatedFileSystem()
  for (const folder of ['/from', '/to']) fs.makeDirectorySync(folder)
  fs.syncDirectorySync('/')
  durableFile(fs, '/from/file', 'a')
  fs.renameSync('/from/file', '/to/file')
  const observe = (after: SimulatedFileSystem): string =>
    `${sectorsOf(after, '/from/file')}${sectorsOf(after, '/to/file')}`
  fs.syncDirectorySync('/to')
  t.deepEqual(outcomes(fs, observe), ['-a', 'aa'])
  fs.syncDirectorySync('/from')
  t.deepEqual(outcomes(fs, observe), ['-a'])
})

test('a removed file may come back until the folder is synced', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/file', 'a')
  fs.removeSync('/file')
  const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file')
  t.deepEqual(outcomes(fs, observe), ['-', 'a'])
  fs.syncDirectorySync('/')
  t.deepEqual(outcomes(fs, observe), ['-'])
})

test('a name stands for whatever it stood for since the last sync', (t) => {
  const fs = new SimulatedFileSystem()
  durableFile(fs, '/file', 'a')
  for (const letter of ['b', 'c']) {
    fs.removeSync('/file')
    const fd = fs.openSync('/file', 'create')
    writeText(fs, fd, letter)
    fs.datasyncSync(fd)
  }
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['-', 'a', 'b', 'c'],
  )
})

test('a folder that is lost takes with it what was synced below', (t) => {
  const fs = new SimulatedFileSystem()
  fs.makeDirectorySync('/a')
  fs.makeDirectorySync('/a/b')
  durableFile(fs, '/a/b/file', 'x')
  const observe = (after: SimulatedFileSystem): string => {
    if (!after.listSync('/').includes('a')) return 'nothing'
    return after.listSync('/a').includes('b') ? sectorsOf(after, '/a/b/file') : 'a'
  }
  t.deepEqual(outcomes(fs, observe), ['a', 'nothing', 'x'])
  fs.syncDirectorySync('/a')
  t.deepEqual(outcomes(fs, observe), ['nothing', 'x'])
  fs.syncDirectorySync('/')
  t.deepEqual(outcomes(fs, observe), ['x'])
})

test('what a truncation cut off comes back only if the truncation is lost', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(3))
  fs.truncateSync(fd, 512)
  writeText(fs, fd, sector('b'), 512)
  const seen = outcomes(fs, (after) => sectorsOf(after, '/file'))
  // With the old size any state of the second and third sector; with a later size no `a` beyond the cut.
  t.deepEqual(seen, ['a', 'a.', 'a..', 'a.a', 'aa.', 'aaa', 'ab', 'ab.', 'aba'])
  fs.datasyncSync(fd)
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file')),
    ['ab'],
  )
})

test('not even after very many versions', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(3))
  fs.truncateSync(fd, 512)
  for (let i = 0; i < 200; i++) writeText(fs, fd, sector('b'), 512)
  const seen = outcomes(fs, (after) => sectorsOf(after, '/file'))
  t.true(seen.includes('ab'))
  t.false(seen.includes('aa'))
})

test('a sector cut in part keeps its first bytes', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', 'aaaa')
  writeText(fs, fd, 'b', 0)
  fs.truncateSync(fd, 2)
  fs.truncateSync(fd, 4)
  const seen = outcomes(fs, (after) => textOf(after, '/file')?.replaceAll('\0', '.') ?? '-')
  // With 2 or 4 bytes: the write before the cut is lost or kept. `aaaa` and `baaa` are there with the old size only.
  t.deepEqual(seen, ['aa', 'aa..', 'aaaa', 'ba', 'ba..', 'baaa'])
})

test('a crash can keep nothing, or all, of what was not synced', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(3))
  writeText(fs, fd, sector('b').repeat(4))
  durableFile(fs, '/removed', 'c')
  fs.removeSync('/removed')
  fs.openSync('/created', 'create')
  const none = fs.stateAfterCrash({ keep: 'none' })
  t.deepEqual(none.listSync('/').sort(), ['file', 'removed'])
  t.is(sectorsOf(none, '/file'), 'aaa')
  const all = fs.stateAfterCrash({ keep: 'all' })
  t.deepEqual(all.listSync('/').sort(), ['created', 'file'])
  t.is(sectorsOf(all, '/file'), 'bbbb')
})

test('sometimes the disk has kept the order of all calls', (t) => {
  const fs = new SimulatedFileSystem()
  const files = ['/a', '/b', '/c', '/d'].map((path) => durableFile(fs, path, '.'))
  const letters = ['1', '2', '3', '4']
  for (const letter of letters) for (const fd of files) writeText(fs, fd, letter)
  const ordered = new Set(
    letters.flatMap((letter, i) => {
      const before = letters[i - 1] ?? '.'
      return [0, 1, 2, 3].map((n) => letter.repeat(n) + before.repeat(4 - n))
    }),
  )
  const seen = outcomes(fs, (after) => ['/a', '/b', '/c', '/d'].map((path) => textOf(after, path)).join(''))
  t.deepEqual(new Set(seen.filter((state) => ordered.has(state))), ordered)
  t.true(seen.length > 2 * ordered.size)
})

test('after a crash everything there is, is durable', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(4))
  writeText(fs, fd, sector('b').repeat(6))
  fs.openSync('/created', 'create')
  for (let seed = 0; seed < 50; seed++) {
    const after = fs.stateAfterCrash({ seed })
    const [names, sectors] = [after.listSync('/').sort(), sectorsOf(after, '/file')]
    for (const keep of ['none', 'some', 'all'] as const) {
      const again = after.stateAfterCrash({ keep })
      t.deepEqual(again.listSync('/').sort(), names)
      t.is(sectorsOf(again, '/file'), sectors)
    }
  }
})

test('a crashed copy and the original do not share what is written later', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(2))
  const [first, second] = [fs.stateAfterCrash(), fs.stateAfterCrash()]
  writeText(first, first.openSync('/file', 'write'), sector('b'))
  writeText(fs, fd, sector('c'), 512)
  fs.datasyncSync(fd)
  t.is(sectorsOf(fs, '/file'), 'ac')
  t.is(sectorsOf(first, '/file'), 'ba')
  t.is(sectorsOf(second, '/file'), 'aa')
  const third = first.openSync('/file', 'write')
  first.datasyncSync(third)
  t.is(sectorsOf(second, '/file'), 'aa')
  t.is(sectorsOf(fs, '/file'), 'ac')
})

test('the seed decides', (t) => {
  const build = (seed: number): SimulatedFileSystem => {
    const fs = new SimulatedFileSystem({ seed })
    writeText(fs, durableFile(fs, '/file', sector('a').repeat(20)), sector('b').repeat(20))
    return fs
  }
  const states = (fs: SimulatedFileSystem): string[] =>
    Array.from({ length: 20 }, () => sectorsOf(fs.stateAfterCrash(), '/file'))
  t.deepEqual(states(build(1)), states(build(1)))
  t.notDeepEqual(states(build(1)), states(build(2)))
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((seed) => sectorsOf(build(1).crash({ seed }), '/file')),
    [0, 1, 2, 3, 4, 5].map((seed) => sectorsOf(build(2).crash({ seed }), '/file')),
  )
  const successive = (fs: SimulatedFileSystem): string[] => {
    const after = fs.crash()
    writeText(after, after.openSync('/file', 'write'), sector('c').repeat(20))
    return states(after)
  }
  t.deepEqual(successive(build(3)), successive(build(3)))
})

test('what is no seed is refused', (t) => {
  t.throws(() => new SimulatedFileSystem({ seed: 0.5 }), { code: 'SLUICE_INVALID_ARGUMENT' })
  t.throws(() => new SimulatedFileSystem().crash({ seed: Number.NaN }), { code: 'SLUICE_INVALID_ARGUMENT' })
})
