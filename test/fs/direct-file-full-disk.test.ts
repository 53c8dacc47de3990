import fs, { constants, readdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import test from 'ava'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

// Only where there is direct access is anything written when a file is made.
const testOnLinux = testWith(
  test.serial,
  constants.O_DIRECT === undefined ? 'Node knows no direct access (O_DIRECT) here' : undefined,
)

testOnLinux(
  'a disk that is full when a file is made for direct access leaves none in the way of the next attempt',
  (t) => {
    const directory = temporaryDirectory(t)
    const path = join(directory, '0000000000000001.seg.tmp')
    const { writeSync } = fs
    t.teardown(() => {
      fs.writeSync = writeSync
      syncBuiltinESMExports()
    })
    fs.writeSync = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    syncBuiltinESMExports()
    t.throws(() => nodeFileSystem.openSync(path, 'create', 'direct'), { code: 'ENOSPC' })
    t.deepEqual(readdirSync(directory), [])
    fs.writeSync = writeSync
    syncBuiltinESMExports()
    nodeFileSystem.closeSync(nodeFileSystem.openSync(path, 'create', 'direct'))
    t.deepEqual(readdirSync(directory), ['0000000000000001.seg.tmp'])
  },
)
