import { type EventStore, openEventStore } from 'sluice/events'

type RegistrationEvent =
  | { readonly type: 'Registered'; readonly data: { readonly email: string; readonly name: string } }
  | { readonly type: 'Left'; readonly data: { readonly email: string } }

export const openRegistrations = (directory: string) => openEventStore<RegistrationEvent>(directory)

/** Registers an address, which nobody else can have then: of a thousand at once, one wins. */
export async function register(store: EventStore<RegistrationEvent>, email: string, name: string): Promise<boolean> {
  const tag = `email:${email}`
  // What the decision depends on: the events with this tag, up to the last one seen.
  let [registered, seen] = [false, 0]
  for await (const { type, position } of store.read({ tags: [tag] })) {
    registered = type === 'Registered'
    seen = position
  }
  if (registered) return false
  try {
    const condition = { failIfEventsMatch: { tags: [tag] }, after: seen }
    await store.append({ type: 'Registered', tags: [tag], data: { email, name } }, condition)
    return true // It is durable: no power cut makes the address free again.
  } catch (error) {
    if (Object(error).code === 'SLUICE_APPEND_CONDITION_FAILED') return false // Somebody was faster.
    throw error
  }
}
