import { decide, type EventStore, projectionsOf } from 'sluice/events'
import { outcomeOf, tell } from './story.js'

/*
 * Prices change while customers look at them. An order is good at the price that was shown, as long as that price is no
 * older than a few minutes. A cart has any number of products: the decision is composed of one small projection for each
 * of them, read in one pass, and protected as a whole. Other customers' orders don't get in its way, since it does not
 * look at orders: only at prices.
 */

export interface OrderedItem {
  readonly productId: string
  readonly price: number
}

export type ShopEvent =
  | { readonly type: 'ProductDefined'; readonly data: { readonly productId: string; readonly price: number } }
  | { readonly type: 'ProductPriceChanged'; readonly data: { readonly productId: string; readonly price: number } }
  | { readonly type: 'ProductsOrdered'; readonly data: { readonly items: readonly OrderedItem[] } }

export type Shop = EventStore<ShopEvent>

/** For how long a price is good after it has changed, in milliseconds. */
export const GRACE_MS = 10 * 60 * 1000

/** Rejects where there is such a product already. */
export function defineProduct(shop: Shop, productId: string, price: number): Promise<unknown> {
  return decide(shop, { prices: pricesOf(productId) }, ({ prices }) => {
    if (prices.length > 0) throw new Error(`there is a product ${productId} already`)
    return { type: 'ProductDefined', data: { productId, price }, tags: [product(productId)] }
  })
}

/** Rejects where there is no such product. */
export function changePrice(shop: Shop, productId: string, price: number): Promise<unknown> {
  return decide(shop, { prices: pricesOf(productId) }, ({ prices }) => {
    if (prices.length === 0) throw new Error(`there is no product ${productId}`)
    return { type: 'ProductPriceChanged', data: { productId, price }, tags: [product(productId)] }
  })
}

/** Orders products at the prices that the customer was shown. Rejects where one of them is not good, or not any more. */
export function orderProducts(shop: Shop, items: readonly OrderedItem[], now = Date.now()): Promise<unknown> {
  const productIds = [...new Set(items.map(({ productId }) => productId))]
  const model = Object.fromEntries(productIds.map((productId) => [product(productId), pricesOf(productId)]))
  return decide(shop, model, (pricesOfAll) => {
    for (const { productId, price } of items) {
      const prices = pricesOfAll[product(productId)] ?? []
      if (!prices.some((each) => each.price === price && now - (each.until ?? now) <= GRACE_MS)) {
        throw new Error(`${productId} is not to be had for ${price}`)
      }
    }
    return { type: 'ProductsOrdered', data: { items }, tags: productIds.map(product) }
  })
}

interface Price {
  readonly price: number
  /** When it was changed; not yet where it is the price of today. */
  readonly until?: number
}

const projection = projectionsOf<ShopEvent>()

/** All prices that a product has had. */
function pricesOf(productId: string) {
  return projection({
    query: { types: ['ProductDefined', 'ProductPriceChanged'], tags: [product(productId)] },
    init: (): readonly Price[] => [],
    apply: (prices, { data, timestamp }): readonly Price[] => [
      ...prices.map((before) => ({ until: timestamp, ...before })),
      { price: data.price },
    ],
  })
}

function product(productId: string): string {
  return `product:${productId}`
}

await tell<ShopEvent>(import.meta.url, async (shop, say) => {
  await defineProduct(shop, 'tea', 5)
  await defineProduct(shop, 'cup', 9)
  const cart = [
    { productId: 'tea', price: 5 },
    { productId: 'cup', price: 9 },
  ]
  say(`tea for 5 and a cup for 9:        ${await outcomeOf(orderProducts(shop, cart))}`)
  await changePrice(shop, 'tea', 6)
  say(`the same, as tea has become 6:    ${await outcomeOf(orderProducts(shop, cart))}`)
  say(`tea for 6:                        ${await outcomeOf(orderProducts(shop, [{ productId: 'tea', price: 6 }]))}`)
  say(`tea for 4:                        ${await outcomeOf(orderProducts(shop, [{ productId: 'tea', price: 4 }]))}`)
  const later = Date.now() + GRACE_MS + 1_000
  say(`the cart again, a quarter later:  ${await outcomeOf(orderProducts(shop, cart, later))}`)
})
