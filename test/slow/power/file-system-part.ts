import { constants, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Acknowledged } from './ack-board.js'
import { Load } from './load.js'
import { DURABLE_POLICIES, LOAD_POLICIES, type LoadOrder, type LoadPolicy, segmentsOf } from './load-orders.js'
import { Generations } from './load-record.js'
import { checkLog } from './log-check.js'
import { makeImage, mountImage, mountTmpfs, unmount } from './mounts.js'
import { type Run, scaled } from './run.js'

const LOAD_MS = 250
const KILLS = 8
const KILL_MS = 250

/** Every policy under load, closed and opened again; and processes killed in the midst of it. */
export async function fileSystems(run: Run): Promise<void> {
  for (const kind of run.kinds) {
    const image = makeImage(run.newPath('image'), kind)
    const where = run.newPath(kind.name)
    mountImage(image, where, kind)
    await tryOn(run, kind.name, where)
    await unmount(where)
    rmSync(image)
  }
  const where = run.newPath('tmpfs')
  mountTmpfs(where, '256m')
  await tryOn(run, 'tmpfs', where)
  await unmount(where)
}

async function tryOn(run: Run, on: string, where: string): Promise<void> {
  await loads(run, on, where)
  await kills(run, on, where)
}

async function loads(run: Run, on: string, where: string): Promise<void> {
  let checked = 0
  let lost = 0
  let rotations = 0
  const problems: string[] = []
  const direct: string[] = []
  const policies = Object.keys(LOAD_POLICIES) as LoadPolicy[] // They are all the keys it has.
  for (const policy of policies) {
    const directory = join(where, 'loads', policy)
    const order = orderFor(run, directory, policy)
    const load = new Load(run.folder, order)
    await load.until('ready')
    await delay(LOAD_MS * Math.min(1, run.settings.rounds))
    if (await segmentIsDirect(load.pid)) direct.push(policy)
    const summary = await load.stop()
    rotations += summary.rotations
    const odd = Object.keys(summary.outcomes).filter((outcome) => outcome !== 'durable' && outcome !== 'written')
    if (odd.length > 0 || summary.closing !== undefined) problems.push(`${policy}: ${JSON.stringify(summary)}`)
    const acknowledged = load.acknowledged()
    const generations = new Generations([{ fromLsn: 1, generation: order.generation }])
    // It was closed: everything accepted is there.
    const before = { ...acknowledged, durable: acknowledged.accepted }
    const expectation = {
      records: run.records,
      generations,
      before,
      after: acknowledged,
      generation: run.nextGeneration(),
    }
    const result = await checkLog(directory, expectation)
    checked += result.checked
    lost += result.lost
    problems.push(...result.problems.map((problem) => `${policy}: ${problem}`))
  }
  rmSync(join(where, 'loads'), { recursive: true })
  const way = direct.length === 0 ? 'never' : `under ${direct.join(', ')}`
  run.add({
    part: 'loads',
    on,
    tried: `${policies.length} policies, ${rotations} rotations, closed and reopened; O_DIRECT ${way}`,
    checked,
    lost,
    problems,
  })
}

async function kills(run: Run, on: string, where: string): Promise<void> {
  const { random } = run
  const directory = join(where, 'kills')
  const rounds = scaled(run, KILLS)
  const generations = new Generations()
  const problems: string[] = []
  let [checked, lost, rewritten, torn, lastLsn] = [0, 0, 0, 0, 0]
  let floor: Acknowledged = { durable: 0, written: 0, accepted: 0, trimmed: 0, trimTarget: 0 }
  for (let round = 0; round < rounds; round++) {
    const policy = DURABLE_POLICIES[round % DURABLE_POLICIES.length] ?? 'batch'
    const order = orderFor(run, directory, policy)
    generations.begin(order.generation, lastLsn + 1)
    const load = new Load(run.folder, order)
    await load.until(random.below(4) === 0 ? 'opening' : 'ready')
    await delay(random.below(KILL_MS))
    await load.kill()
    const said = load.acknowledged()
    const after = {
      durable: Math.max(floor.durable, said.durable),
      written: Math.max(floor.durable, said.written),
      accepted: Math.max(floor.accepted, said.accepted),
      trimmed: Math.max(floor.trimmed, said.trimmed),
      trimTarget: Math.max(floor.trimTarget, said.trimTarget),
    }
    // A process that is killed loses nothing that was acknowledged, at any level.
    const before = { ...after, durable: Math.max(after.durable, after.written) }
    const result = await checkLog(directory, {
      records: run.records,
      generations,
      before,
      after,
      generation: run.nextGeneration(),
    })
    checked += result.checked
    lost += result.lost
    rewritten += result.rewritten
    if (result.torn) torn++
    problems.push(...result.problems.map((problem) => `kill ${round}, ${policy}: ${problem}`))
    lastLsn = result.lastLsn
    floor = { ...after, durable: lastLsn, written: lastLsn, accepted: lastLsn }
  }
  const tried = `${rounds} processes killed; ${torn} torn tails, ${rewritten} records rewritten`
  run.add({ part: 'kills', on, tried, checked, lost, problems })
}

function orderFor(run: Run, directory: string, policy: LoadPolicy): Omit<LoadOrder, 'board'> {
  mkdirSync(join(directory, '..'), { recursive: true })
  return {
    directory,
    policy,
    seed: run.settings.seed,
    generation: run.nextGeneration(),
    producers: 1 + run.random.below(24),
    ...segmentsOf(run.random),
    largestRecordBytes: 60_000,
    trims: policy !== 'never',
  }
}

/** Whether the process writes its segment past the page cache. Between two segments there is none for a moment. */
async function segmentIsDirect(pid: number): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  for (let attempts = 500; attempts > 0; attempts--) {
    for (const fd of readdirSync(folder)) {
      try {
        if (!readlinkSync(join(folder, fd)).endsWith('.seg')) continue
        const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
        return (Number.parseInt(flags, 8) & constants.O_DIRECT) !== 0
      } catch {
        // Closed meanwhile.
      }
    }
    await delay(2)
  }
  throw new Error('the load has no segment open')
}
