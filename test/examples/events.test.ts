import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import {
  COURSES_MAX,
  type CourseEvent,
  changeCapacity,
  defineCourse,
  subscribeStudent,
} from '../../examples/events/course-subscriptions.js'
import {
  changePrice,
  defineProduct,
  GRACE_MS,
  orderProducts,
  type ShopEvent,
} from '../../examples/events/dynamic-prices.js'
import { createInvoice, type InvoiceCreated } from '../../examples/events/invoice-numbers.js'
import { confirmSignUp, initiateSignUp, type SignUpEvent, VALIDITY_MS } from '../../examples/events/opt-in-tokens.js'
import { type OrderPlaced, placeOrder, placeOrderOnce } from '../../examples/events/record-duplication.js'
import {
  type AccountEvent,
  changeUsername,
  closeAccount,
  RETENTION_MS,
  registerAccount,
} from '../../examples/events/unique-username.js'
import type { EventShape, EventStore, StoredEvent } from '../../src/events/index.js'
import { MemoryEventStore } from '../../src/testing/index.js'

/** A moment so far behind now that everything that a test has done is older. */
const later = (ms: number): number => Date.now() + ms + 1

async function eventsOf<E extends EventShape>(store: EventStore<E>): Promise<StoredEvent<E>[]> {
  const events: StoredEvent<E>[] = []
  for await (const event of store.read('all')) events.push(event)
  return events
}

/** Runs attempts that race with each other; how many of them were not refused. The others must be, with this message. */
async function winners(t: ExecutionContext, attempts: readonly Promise<unknown>[], refusal: RegExp): Promise<number> {
  const results = await Promise.allSettled(attempts)
  for (const result of results) if (result.status === 'rejected') t.regex(String(result.reason), refusal)
  return results.filter(({ status }) => status === 'fulfilled').length
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

// Unique usernames.

test('a username is claimed once', async (t) => {
  const accounts = new MemoryEventStore<AccountEvent>()
  await registerAccount(accounts, 'u1')
  await t.throwsAsync(registerAccount(accounts, 'u1'), { message: /u1 is taken/ })
  await t.throwsAsync(registerAccount(accounts, 'U1'), { message: /U1 is taken/ })
  await registerAccount(accounts, 'u2')
  t.deepEqual(
    (await eventsOf(accounts)).map(({ data }) => data),
    [{ username: 'u1' }, { username: 'u2' }],
  )
})

test('of many who claim one username at once, one gets it, and nobody else is held up', async (t) => {
  const accounts = new MemoryEventStore<AccountEvent>()
  const attempts = times(50, () => registerAccount(accounts, 'u1'))
  const others = times(50, (i) => registerAccount(accounts, `other${i}`))
  t.is(await winners(t, attempts, /is taken/), 1)
  await Promise.all(others)
  t.is(accounts.head(), 51)
})

test('the username of a closed account is free again after a while', async (t) => {
  const accounts = new MemoryEventStore<AccountEvent>()
  await registerAccount(accounts, 'u1')
  await closeAccount(accounts, 'u1')
  await t.throwsAsync(closeAccount(accounts, 'u1'), { message: /nobody is called u1/ })
  await t.throwsAsync(registerAccount(accounts, 'u1'), { message: /in use lately/ })
  await t.throwsAsync(registerAccount(accounts, 'u1', later(RETENTION_MS / 2)), { message: /in use lately/ })
  await registerAccount(accounts, 'u1', later(RETENTION_MS))
  await t.throwsAsync(registerAccount(accounts, 'u1', later(RETENTION_MS)), { message: /is taken/ })
})

test('a changed username claims the new name, and releases the old one after a while', async (t) => {
  const accounts = new MemoryEventStore<AccountEvent>()
  await registerAccount(accounts, 'u1')
  await registerAccount(accounts, 'u2')
  await t.throwsAsync(changeUsername(accounts, 'u1', 'u2'), { message: /u2 is taken/ })
  await t.throwsAsync(changeUsername(accounts, 'u3', 'u4'), { message: /nobody is called u3/ })
  await changeUsername(accounts, 'u1', 'u1changed')
  await t.throwsAsync(registerAccount(accounts, 'u1changed', later(RETENTION_MS)), { message: /is taken/ })
  await t.throwsAsync(registerAccount(accounts, 'u1'), { message: /in use lately/ })
  await registerAccount(accounts, 'u1', later(RETENTION_MS))
})

test('who changes to a name, and who registers it, race for it', async (t) => {
  const accounts = new MemoryEventStore<AccountEvent>()
  await registerAccount(accounts, 'u1')
  const attempts = [changeUsername(accounts, 'u1', 'wanted'), registerAccount(accounts, 'wanted')]
  t.is(await winners(t, attempts, /wanted is taken/), 1)
})

// Course subscriptions.

test('a course is defined once, and its capacity changed', async (t) => {
  const courses = new MemoryEventStore<CourseEvent>()
  await t.throwsAsync(changeCapacity(courses, 'c1', 5), { message: /no course c1/ })
  await defineCourse(courses, 'c1', 10)
  await t.throwsAsync(defineCourse(courses, 'c1', 15), { message: /c1 already/ })
  await t.throwsAsync(changeCapacity(courses, 'c1', 10), { message: /10 seats as it is/ })
  await changeCapacity(courses, 'c1', 15)
  t.deepEqual((await eventsOf(courses)).at(-1)?.data, { courseId: 'c1', capacity: 15 })
})

test('a student subscribes to a course that is there, has a seat left, and not twice', async (t) => {
  const courses = new MemoryEventStore<CourseEvent>()
  await t.throwsAsync(subscribeStudent(courses, 's1', 'c0'), { message: /no course c0/ })
  await defineCourse(courses, 'c1', 3)
  for (const student of ['s1', 's2']) await subscribeStudent(courses, student, 'c1')
  await t.throwsAsync(subscribeStudent(courses, 's1', 'c1'), { message: /s1 is in the course c1 already/ })
  await subscribeStudent(courses, 's3', 'c1')
  await t.throwsAsync(subscribeStudent(courses, 's4', 'c1'), { message: /fully booked/ })
  await changeCapacity(courses, 'c1', 4)
  await subscribeStudent(courses, 's4', 'c1')
  const last = (await eventsOf(courses)).at(-1)
  t.deepEqual([last?.type, last?.tags], ['StudentSubscribed', ['course:c1', 'student:s4']])
})

test('a student takes so many courses, and no more', async (t) => {
  const courses = new MemoryEventStore<CourseEvent>()
  for (let i = 0; i <= COURSES_MAX; i++) await defineCourse(courses, `c${i}`, 10)
  for (let i = 0; i < COURSES_MAX; i++) await subscribeStudent(courses, 's1', `c${i}`)
  await t.throwsAsync(subscribeStudent(courses, 's1', `c${COURSES_MAX}`), { message: /takes 5 courses already/ })
})

test('neither side is overbooked, whoever races for what', async (t) => {
  const courses = new MemoryEventStore<CourseEvent>()
  for (let i = 0; i < 8; i++) await defineCourse(courses, `c${i}`, 4)
  const attempts = times(8, (student) => times(8, (course) => subscribeStudent(courses, `s${student}`, `c${course}`)))
  // Eight courses of four seats each are fewer than eight students who may take five.
  t.is(await winners(t, attempts.flat(), /fully booked|courses already/), 32)
  const taken = (await eventsOf(courses)).filter(({ type }) => type === 'StudentSubscribed')
  for (let i = 0; i < 8; i++) {
    t.is(taken.filter(({ tags }) => tags.includes(`course:c${i}`)).length, 4)
    t.true(taken.filter(({ tags }) => tags.includes(`student:s${i}`)).length <= COURSES_MAX)
  }
})

// Invoice numbers.

test('invoices are numbered from 1 on', async (t) => {
  const invoices = new MemoryEventStore<InvoiceCreated>()
  t.is(await createInvoice(invoices, 'ann', 1), 1)
  t.is(await createInvoice(invoices, 'bob', 2), 2)
})

test('invoices that are made at once have numbers without gaps', async (t) => {
  const invoices = new MemoryEventStore<InvoiceCreated>()
  const numbers = await Promise.all(times(40, (i) => createInvoice(invoices, `customer${i}`, i)))
  const sorted = numbers.toSorted((a, b) => a - b)
  t.deepEqual(
    sorted,
    times(40, (i) => i + 1),
  )
  t.deepEqual(
    (await eventsOf(invoices)).map(({ data }) => data.number),
    sorted,
  )
})

// Opt-in tokens.

test('a token confirms the address that it was made for, once', async (t) => {
  const signUps = new MemoryEventStore<SignUpEvent>()
  const token = await initiateSignUp(signUps, 'john.doe@example.com', 'John Doe')
  t.regex(token, /^\d{6}$/)
  const other = token === '000000' ? '000001' : '000000'
  await t.throwsAsync(confirmSignUp(signUps, 'john.doe@example.com', other), { message: /no such token/ })
  await t.throwsAsync(confirmSignUp(signUps, 'jane.doe@example.com', token), { message: /no such token/ })
  await confirmSignUp(signUps, 'John.Doe@example.com', token)
  await t.throwsAsync(confirmSignUp(signUps, 'john.doe@example.com', token), { message: /used already/ })
  const [, confirmed] = await eventsOf(signUps)
  t.deepEqual(confirmed?.data, { email: 'John.Doe@example.com', name: 'John Doe' })
})

test('a token is good for an hour', async (t) => {
  const signUps = new MemoryEventStore<SignUpEvent>()
  const token = await initiateSignUp(signUps, 'a@example.com', 'A')
  await t.throwsAsync(confirmSignUp(signUps, 'a@example.com', token, later(VALIDITY_MS)), { message: /too old/ })
  await confirmSignUp(signUps, 'a@example.com', token, later(VALIDITY_MS / 2))
})

test('a token that is used many times at once confirms once', async (t) => {
  const signUps = new MemoryEventStore<SignUpEvent>()
  const token = await initiateSignUp(signUps, 'a@example.com', 'A')
  const attempts = times(20, () => confirmSignUp(signUps, 'a@example.com', token))
  t.is(await winners(t, attempts, /used already/), 1)
})

// Prevention of record duplication.

test('an order that is sent again with its token is the order that was placed', async (t) => {
  const orders = new MemoryEventStore<OrderPlaced>()
  t.deepEqual(await placeOrder(orders, '11111', 'o12345', 'a'), { orderId: 'o12345', repeated: false })
  t.deepEqual(await placeOrder(orders, '11111', 'o54321', 'a'), { orderId: 'o12345', repeated: true })
  t.deepEqual(await placeOrder(orders, '22222', 'o54321', 'a'), { orderId: 'o54321', repeated: false })
  t.is(orders.head(), 2)
})

test('of many orders with one token at once, one is placed, and all know which', async (t) => {
  const orders = new MemoryEventStore<OrderPlaced>()
  const placed = await Promise.all(times(30, (i) => placeOrder(orders, 'token', `o${i}`, 'a')))
  const [event] = await eventsOf(orders)
  t.is(orders.head(), 1)
  t.deepEqual(new Set(placed.map(({ orderId }) => orderId)), new Set([event?.data.orderId]))
  t.is(placed.filter(({ repeated }) => !repeated).length, 1)
})

test('an order whose event has an id is stored once', async (t) => {
  const orders = new MemoryEventStore<OrderPlaced>()
  const positions = await Promise.all(times(30, (i) => placeOrderOnce(orders, 'token', `o${i}`, 'a')))
  t.deepEqual(new Set(positions), new Set([1]))
  t.is(await placeOrderOnce(orders, 'another', 'o31', 'a'), 2)
  t.is(orders.head(), 2)
})

// Dynamic prices.

test('products are ordered at the price that was shown, if it is good', async (t) => {
  const shop = new MemoryEventStore<ShopEvent>()
  await t.throwsAsync(changePrice(shop, 'p1', 1), { message: /no product p1/ })
  await t.throwsAsync(orderProducts(shop, [{ productId: 'p1', price: 123 }]), { message: /p1 is not to be had/ })
  await defineProduct(shop, 'p1', 123)
  await t.throwsAsync(defineProduct(shop, 'p1', 1), { message: /p1 already/ })
  await t.throwsAsync(orderProducts(shop, [{ productId: 'p1', price: 100 }]), { message: /not to be had for 100/ })
  await orderProducts(shop, [{ productId: 'p1', price: 123 }], later(GRACE_MS * 10))
  t.deepEqual((await eventsOf(shop)).at(-1)?.data, { items: [{ productId: 'p1', price: 123 }] })
})

test('a price that was changed is good for a while', async (t) => {
  const shop = new MemoryEventStore<ShopEvent>()
  await defineProduct(shop, 'p1', 123)
  await changePrice(shop, 'p1', 134)
  await orderProducts(shop, [{ productId: 'p1', price: 123 }])
  await orderProducts(shop, [{ productId: 'p1', price: 123 }], later(GRACE_MS / 2))
  await orderProducts(shop, [{ productId: 'p1', price: 134 }], later(GRACE_MS * 2))
  const late = orderProducts(shop, [{ productId: 'p1', price: 123 }], later(GRACE_MS))
  await t.throwsAsync(late, { message: /not to be had for 123/ })
})

test('a cart is ordered as a whole, or not at all', async (t) => {
  const shop = new MemoryEventStore<ShopEvent>()
  await defineProduct(shop, 'p1', 123)
  await defineProduct(shop, 'p2', 321)
  await changePrice(shop, 'p1', 134)
  const cart = [
    { productId: 'p1', price: 123 },
    { productId: 'p2', price: 321 },
  ]
  await orderProducts(shop, cart)
  const last = (await eventsOf(shop)).at(-1)
  t.deepEqual([last?.data, last?.tags], [{ items: cart }, ['product:p1', 'product:p2']])
  await t.throwsAsync(orderProducts(shop, cart, later(GRACE_MS)), { message: /p1 is not to be had for 123/ })
  await t.throwsAsync(orderProducts(shop, [...cart, { productId: 'p3', price: 1 }]), { message: /p3/ })
  t.is(last?.position, shop.head())
})

test('orders of one product at once don’t get in each other’s way', async (t) => {
  const shop = new MemoryEventStore<ShopEvent>()
  await defineProduct(shop, 'p1', 1)
  await Promise.all(times(50, () => orderProducts(shop, [{ productId: 'p1', price: 1 }])))
  t.is(shop.head(), 51)
})

// The stories, each a program over a store on the disk.

const STORIES: Readonly<Record<string, readonly RegExp[]>> = {
  'unique-username': [/^ada registers: +yes$/m, /^50 want to be grace at once: +1 of them is$/m],
  'course-subscriptions': [/^8 students want one of 3 seats at once: 3 get one$/m, /: +4 are left to him$/m],
  'invoice-numbers': [/have 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21$/m],
  'opt-in-tokens': [/^ann clicks five times: +1 confirmation$/m, /^cem comes too late: +no: the token is too old$/m],
  'record-duplication': [/^a click: order o1, which was placed already$/m, /lies at position 3$/m],
  'dynamic-prices': [/^tea for 4: +no: /m, /^the cart again, a quarter later: +no: /m],
}

for (const [name, lines] of Object.entries(STORIES)) {
  test.serial(`${name} tells its story`, async (t) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [`dist/examples/events/${name}.js`])
    t.is(stderr, '')
    for (const line of lines) t.regex(stdout, line)
  })
}
