import { randomInt } from 'node:crypto'
import { decide, type EventStore, projectionsOf } from 'sluice/events'
import { outcomeOf, tell } from './story.js'

/*
 * Who signs up gets a token by mail, and confirms with it that the address is his. A token is good for one address, once,
 * and for an hour. There is no table of tokens to keep, to clean up, or to get out of step with the accounts: what a
 * token is good for follows from the events that carry it.
 */

export type SignUpEvent =
  | {
      readonly type: 'SignUpInitiated'
      readonly data: { readonly email: string; readonly token: string; readonly name: string }
    }
  | { readonly type: 'SignUpConfirmed'; readonly data: { readonly email: string; readonly name: string } }

export type SignUps = EventStore<SignUpEvent>

/** For how long a token is good, in milliseconds. */
export const VALIDITY_MS = 60 * 60 * 1000

/** Resolves to the token that is to be sent to the address. */
export async function initiateSignUp(signUps: SignUps, email: string, name: string): Promise<string> {
  const token = String(randomInt(1_000_000)).padStart(6, '0')
  await signUps.append({ type: 'SignUpInitiated', data: { email, token, name }, tags: tagsOf(email, token) })
  return token
}

/** Rejects where the token is none of this address, or was used, or is too old. */
export function confirmSignUp(signUps: SignUps, email: string, token: string, now = Date.now()): Promise<unknown> {
  return decide(signUps, { pending: pendingSignUp(email, token) }, ({ pending }) => {
    if (pending === undefined) throw new Error('there is no such token for this address')
    if (pending.used) throw new Error('the token was used already')
    if (now - pending.since > VALIDITY_MS) throw new Error('the token is too old')
    return { type: 'SignUpConfirmed', data: { email, name: pending.name }, tags: tagsOf(email, token) }
  })
}

interface PendingSignUp {
  readonly name: string
  readonly since: number
  readonly used: boolean
}

const projection = projectionsOf<SignUpEvent>()

function pendingSignUp(email: string, token: string) {
  return projection({
    query: { tags: tagsOf(email, token) },
    init: (): PendingSignUp | undefined => undefined,
    apply: (pending, event): PendingSignUp | undefined => {
      if (event.type === 'SignUpInitiated') return { name: event.data.name, since: event.timestamp, used: false }
      return pending && { ...pending, used: true }
    },
  })
}

function tagsOf(email: string, token: string): string[] {
  return [`email:${email.toLowerCase()}`, `token:${token}`]
}

await tell<SignUpEvent>(import.meta.url, async (signUps, say) => {
  const token = await initiateSignUp(signUps, 'ann@example.org', 'Ann')
  say(`ann got the token ${token}`)
  say(`bob tries it:             ${await outcomeOf(confirmSignUp(signUps, 'bob@example.org', token))}`)
  const clicks = Array.from({ length: 5 }, () => outcomeOf(confirmSignUp(signUps, 'ann@example.org', token)))
  const confirmed = (await Promise.all(clicks)).filter((outcome) => outcome === 'yes')
  say(`ann clicks five times:    ${confirmed.length} confirmation`)
  say(`she finds the mail again: ${await outcomeOf(confirmSignUp(signUps, 'ann@example.org', token))}`)
  const other = await initiateSignUp(signUps, 'cem@example.org', 'Cem')
  const late = Date.now() + VALIDITY_MS + 1_000
  say(`cem comes too late:       ${await outcomeOf(confirmSignUp(signUps, 'cem@example.org', other, late))}`)
})
