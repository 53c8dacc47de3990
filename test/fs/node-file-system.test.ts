import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

test.serial('files and folders are for their owner only, however loose the umask', (t) => {
  const root = temporaryDirectory(t)
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  nodeFileSystem.closeSync(nodeFileSystem.openSync(join(root, 'file'), 'create'))
  nodeFileSystem.makeDirectorySync(join(root, 'folder'))
  t.is(statSync(join(root, 'file')).mode & 0o777, 0o600)
  t.is(statSync(join(root, 'folder')).mode & 0o777, 0o700)
})

testWith(test, process.platform === 'win32' ? 'there is no /dev/urandom' : undefined)(
  'closing waits for a read that takes long',
  async (t) => {
    const file = await nodeFileSystem.open('/dev/urandom')
    const settled: string[] = []
    const read = file.read(Buffer.alloc(1 << 24), 0, 1 << 24, 0).then(() => settled.push('read'))
    const closed = file.close().then(() => settled.push('closed'))
    await Promise.all([read, closed])
    t.deepEqual(settled, ['read', 'closed'])
  },
)

const SYNCING = `
  import { nodeFileSystem as fs } from '${new URL('../../src/fs/node-file-system.js', import.meta.url).href}'
  const fd = fs.openSync(process.argv[1] + '/file', 'create')
  fs.datasyncSync(fd)
  await fs.datasync(fd)
  fs.syncDirectorySync(process.argv[1])
  await fs.syncDirectory(process.argv[1])
`

testWith(test, missingTool('strace', '-o', '/dev/null', 'true'))(
  'syncs reach the system, each by its own call',
  (t) => {
    const root = temporaryDirectory(t)
    const trace = join(temporaryDirectory(t), 'trace')
    const strace = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-s', '4096', '-o', trace]
    execFileSync('strace', [...strace, process.execPath, '--input-type=module', '-e', SYNCING, root])
    const calls = readFileSync(trace, 'utf8').matchAll(/(\w+)\(\d+<([^>]*)>/g)
    t.deepEqual(
      [...calls].map(([, call, path]) => `${call} ${path}`),
      [`fdatasync ${root}/file`, `fdatasync ${root}/file`, `fsync ${root}`, `fsync ${root}`],
    )
  },
)
