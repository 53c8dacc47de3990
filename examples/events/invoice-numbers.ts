import { SluiceError } from 'sluice'
import type { EventStore } from 'sluice/events'
import { tell } from './story.js'

/*
 * Invoices are numbered without gaps, however many are made at the same time: the law asks for it, and no sequence of a
 * database gives it, since a transaction that is rolled back leaves a hole. Here a number is taken by the event itself.
 * The last invoice is all that has to be read: `backwards`, with a `limit` of 1.
 */

export interface InvoiceCreated {
  readonly type: 'InvoiceCreated'
  readonly data: { readonly number: number; readonly customer: string; readonly amount: number }
}

export type Invoices = EventStore<InvoiceCreated>

const CREATED = { types: ['InvoiceCreated'] } as const

/** Resolves to the number of the new invoice. */
export async function createInvoice(invoices: Invoices, customer: string, amount: number): Promise<number> {
  for (;;) {
    const last = await lastInvoice(invoices)
    const number = (last?.number ?? 0) + 1
    try {
      await invoices.append(
        {
          type: 'InvoiceCreated',
          data: { number, customer, amount },
          tags: [`invoice:${number}`, `customer:${customer}`],
        },
        { failIfEventsMatch: CREATED, after: last?.position ?? 0 },
      )
      return number
    } catch (error) {
      // Somebody else took the number. Who loses is told once that is durable: the next look finds it.
      if (!(error instanceof SluiceError && error.code === 'SLUICE_APPEND_CONDITION_FAILED')) throw error
    }
  }
}

async function lastInvoice(invoices: Invoices): Promise<{ number: number; position: number } | undefined> {
  for await (const { data, position } of invoices.read(CREATED, { backwards: true, limit: 1 })) {
    return { number: data.number, position }
  }
  return undefined
}

await tell<InvoiceCreated>(import.meta.url, async (invoices, say) => {
  say(`the first invoice has number ${await createInvoice(invoices, 'ann', 100)}`)
  const numbers = await Promise.all(Array.from({ length: 20 }, (_, i) => createInvoice(invoices, 'bob', i)))
  say(`20 more, all at once, have ${numbers.toSorted((a, b) => a - b).join(', ')}`)
})
