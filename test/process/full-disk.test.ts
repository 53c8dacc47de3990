import test from 'ava'
import { FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

/** Mounts a small disk for one command alone: nothing is left of it when that has ended. */
const MOUNTED = 'mount -t tmpfs -o size=2m sluice "$1" && shift && exec "$@"'

testWith(test, missingTool('unshare', '--mount', 'sh', '-c', 'mount -t tmpfs sluice /mnt'))(
  'a disk that is full again and again: the writer thread takes back what does not fit, and goes on',
  async (t) => {
    const directory = temporaryDirectory(t)
    const wrapper = ['unshare', '--mount', 'sh', '-c', MOUNTED, 'sh', directory]
    const { code, lines, complaints } = await new FixtureProcess(t, 'full-disk', [directory], { wrapper }).end()
    t.is(code, 0, complaints)
    t.is(lines.length, 1, lines.join('\n'))
    const found: unknown = JSON.parse(lines[0] ?? '')
    t.log(found)
    const { rollbacks, refused, acknowledged } = found as Record<string, number> // Reported by the fixture.
    t.true(Number(rollbacks) >= 6)
    t.true(Number(refused) >= 6 * 40)
    t.true(Number(acknowledged) > 1000)
  },
)
