import type { AppendCondition, NewEvent } from '../../src/events/contract.js'
import { random } from './random.js'
import { seededBytes, seededText } from './seeded-append.js'

/** How many appends race for one username. */
export const CLAIMS = 200
/** Behind each so many claims comes an append that wants nothing of the kind. */
const CLAIMS_BETWEEN = 10
/** All appends of a race, by their numbers from 0. */
export const RACED_APPENDS = CLAIMS + CLAIMS / CLAIMS_BETWEEN

const BYTES_MAX = 6000

/** Says of which append an event is: it stands in the event's metadata. */
export interface RacedPart {
  readonly race: number
  readonly append: number
  readonly part: number
}

/** One append of a race. */
export interface RacedAppend {
  readonly kind: 'claim' | 'plain' | 'retriable'
  /** One; a retriable one has up to three. */
  readonly events: readonly NewEvent[]
  /** Of a claim. */
  readonly condition: AppendCondition | undefined
}

/** What breaks a claim: there was one of the same username. */
export function claimedQuery(race: number): { readonly types: readonly string[]; readonly tags: readonly string[] } {
  return { types: ['UsernameClaimed'], tags: [`username:user-${race}`] }
}

/** What an append is: all of it follows from its numbers, so that whoever knows them can tell what must be there. */
export function racedAppend(seed: number, race: number, append: number): RacedAppend {
  const numbers = random(((seed ^ Math.imul(race + 1, 0x9e37_79b1)) + Math.imul(append + 1, 0x85eb_ca6b)) >>> 0)
  const { below } = numbers
  if (append % (CLAIMS_BETWEEN + 1) < CLAIMS_BETWEEN) {
    const { types, tags } = claimedQuery(race)
    const [type = ''] = types
    const event = {
      type,
      tags,
      data: { by: append, text: seededText(below(200), append) },
      metadata: { race, append, part: 0 },
    }
    return { kind: 'claim', events: [event], condition: { failIfEventsMatch: { types, tags } } }
  }
  const retriable = below(2) === 0
  const events = Array.from({ length: retriable ? 1 + below(3) : 1 }, (_, part) => ({
    type: below(2) === 0 ? 'Noted' : 'Remarked',
    tags: [`race:${race}`, `of:${below(5)}`],
    data:
      below(2) === 0 ? seededBytes(below(BYTES_MAX), below(2 ** 32)) : { text: seededText(below(BYTES_MAX), append) },
    metadata: { race, append, part },
    ...(retriable ? { id: `${race}/${append}/${part}` } : {}),
  }))
  return { kind: retriable ? 'retriable' : 'plain', events, condition: undefined }
}

/** The numbers in an event's metadata. Throws where it is none of a race. */
export function partOf(event: { readonly metadata?: unknown }): RacedPart {
  const { metadata } = event
  if (typeof metadata === 'object' && metadata !== null && 'race' in metadata && 'append' in metadata) {
    return {
      race: Number(metadata.race),
      append: Number(metadata.append),
      part: 'part' in metadata ? Number(metadata.part) : Number.NaN,
    }
  }
  throw new Error(`this is no event of a race: ${JSON.stringify(event)}`)
}
