import type { AckLevel, FlushOption } from '../../src/options.js'

/** The page that shows the table to people. */
export const POLICIES_PAGE = new URL('../../../docs/POLICIES.md', import.meta.url)

/** The flush policies, by the name that the table has for them. */
export const POLICIES = {
  batch: 'batch',
  immediate: 'immediate',
  everyMs: { everyMs: 10 },
  'everyRecords, everyMs': { everyRecords: 3, everyMs: 10 },
  everyRecords: { everyRecords: 3 },
  never: 'never',
} as const satisfies Readonly<Record<string, FlushOption>>

export type PolicyName = keyof typeof POLICIES

export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[] // They are its keys.
export const ACK_LEVELS = ['durable', 'written'] as const satisfies readonly AckLevel[]

/** Whether a durable acknowledgement is possible at all under a policy. */
export function isPossible(policy: PolicyName, ack: AckLevel): boolean {
  return ack === 'written' || (policy !== 'never' && policy !== 'everyRecords')
}

/** What can become of a call, and how the table says it. */
export const OUTCOMES = {
  'after sync': 'resolves once it is synced',
  'after write': 'resolves once it is written',
  together: 'at once, by one sync',
  each: 'at once, each by its own sync',
  'in time': 'by one sync, `everyMs` after the first was written',
  'not by itself': 'only on rotation, by `flush()` or `close()`',
  there: 'it is there',
  'may be gone': 'it may be gone',
  durable: 'resolves; all of it is durable',
  reason: "rejects with the signal's reason",
  resolves: 'resolves as ever: accepted is final',
  waits: 'waits for room, then resolves as ever',
  drain: 'resolves once there is room, with the `drain` event',
  'queue full': '`SLUICE_QUEUE_FULL`, not written',
  indeterminate: '`SLUICE_COMMIT_FAILED`, indeterminate',
  'failed later': 'resolves; the log fails and names it',
  'not written': '`SLUICE_COMMIT_FAILED`, not written',
  'disk full': '`SLUICE_DISK_FULL`, not written; its LSN is free again',
  failed: '`SLUICE_FAILED`',
  'failed waiting': '`SLUICE_FAILED`, not written',
  closed: '`SLUICE_CLOSED`',
} as const

export type Outcome = keyof typeof OUTCOMES

type ByPolicy = Outcome | Readonly<Record<PolicyName, Outcome>>

/** One row of the table: an append, what happens to it, and what becomes of it under each policy and level. */
export interface PolicyRow {
  readonly situation: string
  /** Under `everyRecords` and `never` such an append is refused; the table says so once, above it. */
  readonly durable: Outcome | Readonly<Record<Exclude<PolicyName, 'everyRecords' | 'never'>, Outcome>>
  readonly written: ByPolicy
}

function both(outcome: Outcome): Pick<PolicyRow, 'durable' | 'written'> {
  return { durable: outcome, written: outcome }
}

const ONE: Readonly<Record<PolicyName, Outcome>> = {
  batch: 'together',
  immediate: 'each',
  everyMs: 'in time',
  'everyRecords, everyMs': 'in time',
  everyRecords: 'not by itself',
  never: 'not by itself',
}

const THREE: Readonly<Record<PolicyName, Outcome>> = {
  ...ONE,
  'everyRecords, everyMs': 'together',
  everyRecords: 'together',
}

/** Keyed by what the tests observe. */
export const POLICY_TABLE = {
  append: { situation: 'it is appended', durable: 'after sync', written: 'after write' },
  syncedAlone: { situation: 'it is alone: synced', durable: ONE, written: ONE },
  syncedTogether: { situation: '`everyRecords` of them in one turn: synced', durable: THREE, written: THREE },
  kill: { situation: 'the process is killed once it resolved', ...both('there') },
  powerCut: { situation: 'the power fails once it resolved', durable: 'there', written: 'may be gone' },
  flush: { situation: '`flush()` behind it', ...both('durable') },
  close: { situation: '`close()` behind it', ...both('durable') },
  abortedBefore: { situation: 'its signal is aborted already', ...both('reason') },
  abortedWaiting: { situation: 'its signal is aborted while it waits for room', ...both('reason') },
  abortedAccepted: { situation: 'its signal is aborted once it is accepted', ...both('resolves') },
  fullWait: { situation: "no room, `onFull: 'wait'`", ...both('waits') },
  fullReject: { situation: "no room, `onFull: 'reject'`", ...both('queue full') },
  fullMaxWaiting: { situation: 'no room, and `maxWaiting` wait', ...both('queue full') },
  fullWaitingBytes: { situation: 'no room, and half of `maxPendingBytes` waits', ...both('queue full') },
  ready: { situation: '`ready()` while there is no room', ...both('drain') },
  closeWaiting: { situation: '`close()` while it waits for room', ...both('closed') },
  syncFails: { situation: 'its sync fails (`EIO`)', durable: 'indeterminate', written: 'failed later' },
  syncFull: { situation: 'its sync finds the disk full (`ENOSPC`)', durable: 'indeterminate', written: 'failed later' },
  writeFails: { situation: 'its write fails (`EIO`)', ...both('indeterminate') },
  behindFailure: { situation: 'it is queued behind a write that fails', ...both('not written') },
  writeFull: { situation: 'its write finds the disk full (`ENOSPC`)', ...both('disk full') },
  writeQuota: { situation: 'its write finds the quota full (`EDQUOT`)', ...both('disk full') },
  behindFull: { situation: 'it is queued behind a write that finds the disk full', ...both('disk full') },
  waitsAsWriteFails: { situation: 'it waits for room behind a write that fails', ...both('failed waiting') },
  waitsAsDiskFills: {
    situation: 'it waits for room behind a write that finds the disk full',
    ...both('waits'),
  },
  threadDiesWriting: { situation: 'the writer thread dies as it writes it', ...both('indeterminate') },
  threadDiesSyncing: {
    situation: 'the writer thread dies as it syncs it',
    durable: 'indeterminate',
    written: 'failed later',
  },
  behindDeath: { situation: 'it is queued behind a write in which the writer thread dies', ...both('not written') },
  waitsAsThreadDies: { situation: 'it waits for room as the writer thread dies', ...both('failed waiting') },
  threadReplaced: { situation: 'the writer thread died before it, idle and unnoticed', ...both('not written') },
  afterFailure: { situation: 'the log has failed before', ...both('failed') },
  afterClose: { situation: '`close()` was called before', ...both('closed') },
} as const satisfies Readonly<Record<string, PolicyRow>>

export type Situation = keyof typeof POLICY_TABLE

const SITUATIONS = Object.keys(POLICY_TABLE) as Situation[] // They are its keys.

/** Those that it takes a thread to see. */
const THREAD_SITUATIONS = [
  'threadDiesWriting',
  'threadDiesSyncing',
  'behindDeath',
  'waitsAsThreadDies',
  'threadReplaced',
] as const satisfies readonly Situation[]

export type ThreadSituation = (typeof THREAD_SITUATIONS)[number]
export type SimulatedSituation = Exclude<Situation, ThreadSituation>

/** Those that are seen where the writer runs in the test's own thread. */
export const SIMULATED_SITUATIONS = SITUATIONS.filter(
  (situation): situation is SimulatedSituation => !THREAD_SITUATIONS.some((each) => each === situation),
)

/** The table's cell. The combination is a possible one. */
export function outcomeOf(situation: Situation, policy: PolicyName, ack: AckLevel): Outcome {
  const byPolicy: ByPolicy | PolicyRow['durable'] = POLICY_TABLE[situation][ack]
  if (typeof byPolicy === 'string') return byPolicy
  const outcome = (byPolicy as Partial<Record<PolicyName, Outcome>>)[policy] // Impossible combinations have none.
  if (outcome === undefined) throw new Error(`the table says nothing of ${situation} under ${policy}`)
  return outcome
}

/** What becomes of it under each policy, in their order, and at each level: impossible combinations are left out. */
function outcomesOf(situation: Situation, ack: AckLevel): Outcome[] {
  const policies = POLICY_NAMES.filter((policy) => isPossible(policy, ack))
  return policies.map((policy) => outcomeOf(situation, policy, ack))
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** The rows in which the policy makes a difference; the level makes none there. */
export function tableByPolicy(): string {
  const lines = [
    row(['an append', ...POLICY_NAMES.map((policy) => `\`${policy}\``)]),
    row(['---', ...POLICY_NAMES.map(() => '---')]),
  ]
  for (const situation of SITUATIONS.filter((each) => new Set(outcomesOf(each, 'written')).size > 1)) {
    for (const policy of POLICY_NAMES.filter((name) => isPossible(name, 'durable'))) {
      const differs = outcomeOf(situation, policy, 'durable') !== outcomeOf(situation, policy, 'written')
      if (differs) throw new Error(`${situation} depends on policy and level: the page has no place for it`)
    }
    lines.push(
      row([POLICY_TABLE[situation].situation, ...outcomesOf(situation, 'written').map((name) => OUTCOMES[name])]),
    )
  }
  return lines.join('\n')
}

/** The rows that are the same under every policy. */
export function tableByLevel(): string {
  const lines = [row(['an append', ...ACK_LEVELS.map((ack) => `\`ack: '${ack}'\``)]), row(['---', '---', '---'])]
  for (const situation of SITUATIONS.filter((each) => new Set(outcomesOf(each, 'written')).size === 1)) {
    const cells = ACK_LEVELS.map((ack) => {
      const [outcome, ...others] = new Set(outcomesOf(situation, ack))
      if (outcome === undefined || others.length > 0) throw new Error(`${situation} depends on policy and level`)
      return OUTCOMES[outcome]
    })
    lines.push(row([POLICY_TABLE[situation].situation, ...cells]))
  }
  return lines.join('\n')
}

/** Puts the tables into the page, between their marks; the rest of it is written by hand. */
export function withTables(page: string): string {
  let filled = page
  for (const [name, table] of [
    ['by policy', tableByPolicy()],
    ['by level', tableByLevel()],
  ] as const) {
    const begin = `<!-- table ${name} -->`
    const end = `<!-- end of table ${name} -->`
    const from = filled.indexOf(begin)
    const to = filled.indexOf(end)
    if (from === -1 || to < from) throw new Error(`the page has no place for the table ${name}`)
    filled = `${filled.slice(0, from + begin.length)}\n\n${table}\n\n${filled.slice(to)}`
  }
  return filled
}
