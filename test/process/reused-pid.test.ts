import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingRoot, missingTool, testWith } from '../support/tools.js'

const OWN_PIDS = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const
const NEXT_PID = '/proc/sys/kernel/ns_last_pid'

testWith(test, missingRoot() ?? missingTool(...OWN_PIDS, 'test', '-w', NEXT_PID))(
  'a holder that was killed, and whose pid another process was given, holds nothing, and is not named as the holder',
  async (t) => {
    const child = new FixtureProcess(t, 'reused-pid', [temporaryDirectory(t)], { wrapper: OWN_PIDS })
    const { lines, code, complaints } = await child.end()
    t.deepEqual({ code, complaints }, { code: 0, complaints: '' })
    const [reused, acked, refusal = ''] = lines
    t.is(reused, 'the lock file names a pid that was given out again: true')
    t.is(acked, 'acked 1')
    t.regex(refusal, /^it is locked by a process that is not known: the lock file names process P on host /)
    t.regex(refusal, /, but that process is not running any more$/)
    t.is(lines.length, 3)
  },
)

test('a lock file that a killed holder left keeps nobody out, even where it names a process that is running', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = new FixtureProcess(t, 'holder', [directory])
  t.is(await holder.line(), 'open')
  await holder.kill()
  const lockFile = join(directory, 'lock')
  const leftBehind = JSON.parse(readFileSync(lockFile, 'utf8'))
  t.is(leftBehind.pid, holder.pid)
  writeFileSync(lockFile, JSON.stringify({ ...leftBehind, pid: process.pid }))
  const log = await openLog(directory)
  t.is(await log.append('x'), 1)
  await log.close()
})
