import { mkdirSync, rmSync } from 'node:fs'
import { VolatileDiskProcess } from './disks.js'
import type { FileSystemKind } from './file-system-kinds.js'
import { type CutPlan, type CutTotals, cutPower } from './power-cuts.js'
import { hasFuse, type Run, scaled } from './run.js'

const ROUNDS = 8
const CUTS_PER_ROUND = 6

/** Power cuts at which all that was not flushed is lost, kept, torn or reordered, and the canaries that prove the check. */
export async function powerCuts(run: Run): Promise<void> {
  if (!hasFuse(run, 'power cuts')) return
  for (const kind of run.kinds) {
    const folder = run.newPath('disk')
    mkdirSync(folder)
    const start = (image: string): Promise<VolatileDiskProcess> => VolatileDiskProcess.start(image, folder)
    const rounds = scaled(run, ROUNDS)
    const totals = await cutPower(run, kind, { start, rounds, cutsPerRound: CUTS_PER_ROUND })
    const { cuts, cutsWithMissingWrites, missingWrites, torn, rewritten, checked, lost, problems } = totals
    run.add({
      part: 'power cuts',
      on: kind.name,
      tried: `${cuts} cuts, ${cutsWithMissingWrites} of them lost ${missingWrites} unflushed writes; ${torn} torn tails, ${rewritten} records rewritten`,
      checked,
      lost,
      problems: cutsWithMissingWrites === 0 ? [...problems, 'no cut lost a write: nothing was tried'] : problems,
    })
    await canary(run, kind, 'the log never syncs', {
      start,
      rounds: 1,
      cutsPerRound: 6,
      manners: ['lost'],
      policies: ['never'],
      claimsTooMuch: true,
    })
    await canary(run, kind, 'the disk ignores flushes', {
      start,
      rounds: 1,
      cutsPerRound: 6,
      manners: ['lost', 'subset', 'torn'],
      policies: ['batch'],
      sabotage: async (disk) => {
        if (disk instanceof VolatileDiskProcess) await disk.order({ kind: 'lie' })
      },
    })
    rmSync(folder, { recursive: true })
  }
}

/** What the check must not let through. */
async function canary(run: Run, kind: FileSystemKind, what: string, plan: CutPlan): Promise<void> {
  const { broken, cuts, lost }: CutTotals = await cutPower(run, kind, plan)
  run.add({
    part: 'canary',
    on: kind.name,
    tried: `${what}: found out at ${broken} of ${cuts} cuts, ${lost} records were lost`,
    checked: 0,
    lost: 0,
    problems: broken > 0 && lost > 0 ? [] : [`${what}, and nothing was lost: the check can't fail`],
  })
}
