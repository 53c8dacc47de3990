import { type AppendedRange, decide, type EventStore, projectionsOf } from 'sluice/events'
import { outcomeOf, tell } from './story.js'

/*
 * Usernames are unique, and given back: when an account is closed, or takes another name, its name is free again after
 * a while. Every event that concerns a name carries it as a tag; so a decision about one name depends on that name's
 * events alone, and a thousand registrations of other names never get in its way.
 */

export type AccountEvent =
  | { readonly type: 'AccountRegistered'; readonly data: { readonly username: string } }
  | { readonly type: 'UsernameChanged'; readonly data: { readonly from: string; readonly to: string } }
  | { readonly type: 'AccountClosed'; readonly data: { readonly username: string } }

export type Accounts = EventStore<AccountEvent>

/** For how long nobody else gets a name that was given up, in milliseconds. */
export const RETENTION_MS = 3 * 24 * 60 * 60 * 1000

/** Rejects where the name is taken. */
export function registerAccount(accounts: Accounts, username: string, now = Date.now()): Promise<unknown> {
  return decide(accounts, { owner: ownerOf(username) }, ({ owner }) => {
    refuseUnlessFree(username, owner, now)
    return { type: 'AccountRegistered', data: { username }, tags: [tag(username)] }
  })
}

/** Rejects where nobody has the old name, or the new one is taken. */
export function changeUsername(accounts: Accounts, from: string, to: string, now = Date.now()): Promise<unknown> {
  return decide(accounts, { before: ownerOf(from), after: ownerOf(to) }, ({ before, after }) => {
    refuseUnlessClaimed(from, before)
    refuseUnlessFree(to, after, now)
    // It concerns both names: it releases one of them, and claims the other.
    return { type: 'UsernameChanged', data: { from, to }, tags: [tag(from), tag(to)] }
  })
}

/** Rejects where nobody has the name. */
export function closeAccount(accounts: Accounts, username: string): Promise<AppendedRange | undefined> {
  return decide(accounts, { owner: ownerOf(username) }, ({ owner }) => {
    refuseUnlessClaimed(username, owner)
    return { type: 'AccountClosed', data: { username }, tags: [tag(username)] }
  })
}

type Owner = { readonly kind: 'none' | 'somebody' } | { readonly kind: 'former'; readonly left: number }

const projection = projectionsOf<AccountEvent>()

function ownerOf(username: string) {
  return projection({
    query: { tags: [tag(username)] },
    init: (): Owner => ({ kind: 'none' }),
    apply: (_, event): Owner => {
      const claims =
        event.type === 'AccountRegistered' || (event.type === 'UsernameChanged' && same(event.data.to, username))
      return claims ? { kind: 'somebody' } : { kind: 'former', left: event.timestamp }
    },
  })
}

function refuseUnlessFree(username: string, owner: Owner, now: number): void {
  if (owner.kind === 'somebody') throw new Error(`the name ${username} is taken`)
  if (owner.kind === 'former' && now - owner.left < RETENTION_MS)
    throw new Error(`the name ${username} was in use lately`)
}

function refuseUnlessClaimed(username: string, owner: Owner): void {
  if (owner.kind !== 'somebody') throw new Error(`nobody is called ${username}`)
}

/** "JamesBond" and "jamesbond" are one name. */
function tag(username: string): string {
  return `username:${username.normalize('NFKC').toLowerCase()}`
}

function same(one: string, other: string): boolean {
  return tag(one) === tag(other)
}

await tell<AccountEvent>(import.meta.url, async (accounts, say) => {
  say(`ada registers:                 ${await outcomeOf(registerAccount(accounts, 'ada'))}`)
  say(`somebody else as Ada:          ${await outcomeOf(registerAccount(accounts, 'Ada'))}`)
  const race = await Promise.all(Array.from({ length: 50 }, () => outcomeOf(registerAccount(accounts, 'grace'))))
  say(`50 want to be grace at once:   ${race.filter((outcome) => outcome === 'yes').length} of them is`)
  say(`ada is lovelace from now on:   ${await outcomeOf(changeUsername(accounts, 'ada', 'lovelace'))}`)
  say(`somebody wants ada at once:    ${await outcomeOf(registerAccount(accounts, 'ada'))}`)
  const later = Date.now() + RETENTION_MS
  say(`somebody wants ada days later: ${await outcomeOf(registerAccount(accounts, 'ada', later))}`)
})
