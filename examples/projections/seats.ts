import { type AppendedRange, decide, type EventStore, projectionsOf } from 'sluice/events'

export type SeatEvent =
  | { readonly type: 'RoomOpened'; readonly data: { readonly room: string; readonly seats: number } }
  | { readonly type: 'SeatTaken'; readonly data: { readonly room: string; readonly guest: string } }

const project = projectionsOf<SeatEvent>()

const seatsOf = (room: string) =>
  project({
    query: { types: ['RoomOpened'], tags: [`room:${room}`] },
    init: () => 0,
    apply: (_seats, { data }) => data.seats,
  })

const takenBy = (tag: string) =>
  project({ query: { types: ['SeatTaken'], tags: [tag] }, init: () => 0, apply: (taken) => taken + 1 })

/** Takes a seat: there are never more guests than seats, and nobody takes more than two, however many ask at once. */
export function takeSeat(
  store: EventStore<SeatEvent>,
  room: string,
  guest: string,
): Promise<AppendedRange | undefined> {
  const model = { seats: seatsOf(room), taken: takenBy(`room:${room}`), own: takenBy(`guest:${guest}`) }
  return decide(
    store,
    model,
    ({ seats, taken, own }) => {
      if (taken >= seats) throw new Error(`${room} is full`)
      if (own >= 2) throw new Error(`${guest} has two seats already`)
      return { type: 'SeatTaken', tags: [`room:${room}`, `guest:${guest}`], data: { room, guest } }
    },
    { retries: 100 },
  )
}
