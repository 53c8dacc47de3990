import { mkdirSync, rmSync } from 'node:fs'
import { FrozenDisk } from './disks.js'
import { FILE_SYSTEM_KINDS } from './file-system-kinds.js'
import { makeImage, mountImage, unmount } from './mounts.js'
import { cutPower } from './power-cuts.js'
import { type Run, scaled } from './run.js'

const ROUNDS = 3
const CUTS_PER_ROUND = 5

/** The state of a disk frozen by a reflink copy: the kernel's own code alone, and no write is lost. */
export async function freezes(run: Run): Promise<void> {
  const storeKind = FILE_SYSTEM_KINDS.find(({ name }) => name === 'xfs' && run.kinds.some((kind) => kind.name === name))
  if (storeKind === undefined) {
    run.skip('freezes: no xfs, on which a file can be copied in an instant')
    return
  }
  const store = run.newPath('store')
  const image = makeImage(run.newPath('store-image'), { ...storeKind, imageBytes: 3 * 1024 ** 3 })
  mountImage(image, store, storeKind)
  for (const kind of run.kinds) {
    const folder = `${store}/${kind.name}`
    mkdirSync(folder)
    const { cuts, torn, rewritten, checked, lost, problems } = await cutPower(run, kind, {
      start: (from) => FrozenDisk.start(from, folder),
      rounds: scaled(run, ROUNDS),
      cutsPerRound: CUTS_PER_ROUND,
    })
    run.add({
      part: 'freezes',
      on: kind.name,
      tried: `${cuts} frozen copies; ${torn} torn tails, ${rewritten} records rewritten`,
      checked,
      lost,
      problems,
    })
  }
  await unmount(store)
  rmSync(image)
}
