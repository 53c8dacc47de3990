/** Run as a process of its own: claims the directory it is told of, and does what it is asked over IPC. See claimant.ts. */
import { spawn } from 'node:child_process'
import { toErrorRecord } from '../../src/errors.js'
import type { DirectoryClaim } from '../../src/fs/file-system.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import type { ClaimantOrder, ClaimantReport } from './claimant.js'

let claim: DirectoryClaim | undefined

process.on('message', (order: ClaimantOrder) => {
  obey(order).then(report, (error: unknown) => report({ kind: 'error', error: toErrorRecord(error) }))
})

// Nothing is left behind when the test that started this process is gone.
process.on('disconnect', () => process.exit())

async function obey(order: ClaimantOrder): Promise<ClaimantReport> {
  if (order.kind === 'release') {
    await claim?.release()
    return { kind: 'released' }
  }
  if (order.kind === 'spawn-bystander') {
    // It ends by itself when a test that dies can't end it.
    const bystander = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' })
    return { kind: 'bystander', pid: bystander.pid ?? 0 }
  }
  if (order.uid !== undefined) {
    process.setgid?.(order.uid)
    process.setuid?.(order.uid)
  }
  claim = await nodeFileSystem.claim(order.directory)
  return { kind: 'claimed' }
}

function report(message: ClaimantReport): void {
  process.send?.(message)
}
