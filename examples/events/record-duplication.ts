import { SluiceError } from 'sluice'
import type { EventStore } from 'sluice/events'
import { tell } from './story.js'

/*
 * A form is sent twice: the button was slow, the network lost the answer. The client puts a token into the form, and the
 * order carries it as a tag. Nothing has to be read before: the condition alone says that no order with this token may be
 * there, and its error says where that one is. So whoever repeats himself gets the answer that he missed.
 */

export interface OrderPlaced {
  readonly type: 'OrderPlaced'
  readonly data: { readonly orderId: string; readonly article: string }
}

export type Orders = EventStore<OrderPlaced>

/** What became of an order: it was placed, or it had been placed before by the same token. */
export interface PlacedOrder {
  readonly orderId: string
  readonly repeated: boolean
}

export async function placeOrder(
  orders: Orders,
  token: string,
  orderId: string,
  article: string,
): Promise<PlacedOrder> {
  const sameToken = { tags: [`idempotency:${token}`] }
  try {
    await orders.append(
      { type: 'OrderPlaced', data: { orderId, article }, tags: [`order:${orderId}`, `idempotency:${token}`] },
      { failIfEventsMatch: sameToken },
    )
    return { orderId, repeated: false }
  } catch (error) {
    const conflict = error instanceof SluiceError && error.code === 'SLUICE_APPEND_CONDITION_FAILED'
    if (!conflict || error.position === undefined) throw error
    // The order that came first can be read by now: an error never names one that could still be lost.
    for await (const { data } of orders.read(sameToken, { from: error.position, limit: 1 })) {
      return { orderId: data.orderId, repeated: true }
    }
    throw error
  }
}

/**
 * The same, shorter, where it is enough that nothing is stored twice: an event with an `id` that is remembered is not
 * stored again, and its append resolves to the positions it had. Of ids the store remembers the last ones only, 100,000
 * by default; a tag is good for ever.
 */
export async function placeOrderOnce(orders: Orders, token: string, orderId: string, article: string): Promise<number> {
  const event = { type: 'OrderPlaced', data: { orderId, article }, tags: [`order:${orderId}`], id: token } as const
  const { first } = await orders.append(event)
  return first
}

await tell<OrderPlaced>(import.meta.url, async (orders, say) => {
  const clicks = ['o1', 'o2', 'o3'].map((orderId) => placeOrder(orders, 'token-1', orderId, 'a bicycle'))
  for (const { orderId, repeated } of await Promise.all(clicks)) {
    say(`a click: order ${orderId}${repeated ? ', which was placed already' : ' is placed'}`)
  }
  const other = await placeOrder(orders, 'token-2', 'o4', 'a bell')
  say(`another form: order ${other.orderId} is placed`)
  const positions = ['o5', 'o6'].map((orderId) => placeOrderOnce(orders, 'token-3', orderId, 'a lamp'))
  say(
    `two clicks on a third one: the order lies at position ${[...new Set(await Promise.all(positions))].join(' and ')}`,
  )
})
