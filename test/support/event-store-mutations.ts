import type { EventStore } from '../../src/events/contract.js'
import { importMutated } from './mutated-module.js'

/** A change to the store in memory, as it is compiled: text that is there exactly once, and what it becomes. */
export interface EventStoreMutation {
  /** What is wrong with the store then. */
  readonly name: string
  readonly text: string
  readonly becomes: string
  /** The case of the conformance kit that has to find it. */
  readonly caughtBy: string
  /** The case then waits for what never comes. @default false: it fails by itself */
  readonly hangs?: true
  /** Random histories don't show it: they make no mistakes, and change nothing that they have passed or got. @default false */
  readonly unseenByHistories?: true
  /** Where the text is. @default the store itself */
  readonly file?: 'event-arguments.js' | 'json-content.js'
}

/** Loads the store in memory with a fault in it. */
export async function mutatedEventStore(mutation: EventStoreMutation): Promise<() => EventStore> {
  const { file = 'memory-event-store.js', text, becomes } = mutation
  const loaded = await importMutated('testing/memory-event-store.js', { file: `testing/${file}`, text, becomes })
  const { MemoryEventStore } = loaded as typeof import('../../src/testing/memory-event-store.js') // But for its fault.
  return () => new MemoryEventStore()
}

/** Faults that a store with dynamic consistency boundaries could have. */
export const EVENT_STORE_MUTATIONS: readonly EventStoreMutation[] = [
  // What a query finds.
  {
    name: 'a type is found by how it begins',
    text: 'types.includes(event.type)',
    becomes: 'types.some((type) => event.type.startsWith(type))',
    caughtBy: 'types are told apart by every character, whatever they resemble',
  },
  {
    name: 'upper and lower case are the same in tags',
    text: 'event.tags.includes(tag)',
    becomes: 'event.tags.some((each) => each.toLowerCase() === tag.toLowerCase())',
    caughtBy: 'tags are told apart by every character, whatever they resemble',
  },
  {
    name: 'one of the tags is enough',
    text: 'tags.every((tag) => event.tags.includes(tag))',
    becomes: '(tags.length === 0 || tags.some((tag) => event.tags.includes(tag)))',
    caughtBy: 'an item with several tags finds the events that have all of them',
  },
  {
    name: 'the tags of a query have to come in the order of those of the event',
    text: 'tags.every((tag) => event.tags.includes(tag))',
    becomes: 'tags.every((tag, i) => event.tags.indexOf(tag) > event.tags.indexOf(tags[i - 1]))',
    caughtBy: 'the order of tags is of no meaning',
  },
  {
    name: 'only the first item of a query counts',
    text: 'query.some((item)',
    becomes: 'query.slice(0, 1).some((item)',
    caughtBy: 'the items of a query are alternatives, and an event that several of them match is found once',
  },
  {
    name: 'the tags of all items have to match',
    text: 'query.some((item) => matchesItem(item, event))',
    becomes: 'query.some((item) => matchesItem({ ...item, tags: query.flatMap(({ tags }) => tags) }, event))',
    caughtBy: 'what one item finds is not narrowed by another',
  },
  {
    name: 'an item without types finds nothing',
    text: 'types.length === 0 || ',
    becomes: '',
    caughtBy: 'an item without types finds events of any type',
  },

  // Reading.
  {
    name: 'reading goes on with what was appended since',
    text: 'if (backwards)\n',
    becomes: 'found.push(...this.#events.slice(head)); if (backwards)\n',
    caughtBy: 'reading ends with what there was when it was asked for',
  },
  {
    name: '"from" is exclusive',
    text: 'event.position >= lowest',
    becomes: 'event.position > lowest',
    caughtBy: '"from" is the first position that is read',
  },
  {
    name: '"to" is exclusive',
    text: 'event.position <= Math.min(highest, head)',
    becomes: 'event.position < highest && event.position <= head',
    caughtBy: '"to" is the last position that is read',
  },
  {
    name: 'backwards is not backwards',
    text: 'found.reverse()',
    becomes: '{}',
    caughtBy: 'backwards, events come from the last one to the first',
  },
  {
    name: 'backwards, "from" is the lowest position',
    text: 'backwards ? [to, from] : [from, to]',
    becomes: '[from, to]',
    caughtBy: 'backwards, "from" is the highest position',
  },
  {
    name: '"limit" counts positions',
    text: 'event.position >= lowest',
    becomes: 'event.position >= lowest && event.position < lowest + limit',
    caughtBy: '"limit" counts the events that match',
  },
  {
    name: 'backwards, "limit" takes the first events',
    text: 'found.reverse()',
    becomes: 'found.splice(0, found.length, ...found.slice(0, limit).reverse())',
    caughtBy: 'the last event that matches is read with "backwards" and a "limit" of 1',
  },
  {
    name: 'the head is what was accepted',
    text: 'return this.#durable;',
    becomes: 'return this.#events.length;',
    caughtBy: 'the head can be read, and nothing lies beyond it, whatever is under way',
  },
  {
    name: 'readers see a part of what is under way',
    text: 'this.#range(checked, reading, this.#durable, this.#closed)',
    becomes: 'this.#range(checked, reading, Math.min(this.#durable + 1, this.#events.length), this.#closed)',
    caughtBy: 'an append is there as a whole or not at all, whoever reads meanwhile',
  },

  // Appending.
  {
    name: 'an append resolves before its events can be read',
    text: 'this.#settlements.push(() =>',
    becomes: 'outcome instanceof SluiceError || resolve(outcome); this.#settlements.push(() =>',
    caughtBy: 'what an append has resolved to can be read at that moment',
  },
  {
    name: 'appends of one batch resolve in any order',
    text: 'this.#settlements.splice(0)',
    becomes: 'this.#settlements.splice(0).reverse()',
    caughtBy: 'appends resolve in the order of their positions',
  },
  {
    name: 'a failed append leaves its events',
    text: '?? this.#conflict(condition) ??',
    becomes: '?? [this.#conflict(condition)].find((failed) => failed && this.#accept(events)) ??',
    caughtBy: 'a failed append leaves none of its events',
  },
  {
    name: 'a failed append takes up a position',
    text: '?? this.#conflict(condition) ??',
    becomes: "?? [this.#conflict(condition)].find((failed) => failed && this.#accept([{ type: '-', tags: [] }])) ??",
    caughtBy: 'positions begin at 1 and have no gaps, and failed appends leave none',
  },
  {
    name: 'events of one append are put in from the last to the first',
    text: 'for (const event of events) {',
    becomes: 'for (const event of events.toReversed()) {',
    caughtBy: 'the events of one append lie one behind the other, in their order',
  },
  {
    name: 'closing waits for nothing',
    text: 'await this.#committing;',
    becomes: 'if (this.#committing) return;',
    caughtBy: 'closing waits for what was accepted, and later calls reject',
  },
  {
    name: 'a closed store goes on',
    text: 'if (this.#closed)\n            return Promise.reject(closedError());',
    becomes: '',
    caughtBy: 'closing waits for what was accepted, and later calls reject',
    unseenByHistories: true,
  },

  // Conditions.
  {
    name: 'an event at "after" counts',
    text: 'event.position > after',
    becomes: 'event.position >= after',
    caughtBy: 'an event exactly at "after" is ignored, and one behind it is not',
  },
  {
    name: '"after" has no effect',
    text: 'event.position > after && ',
    becomes: '',
    caughtBy: '"after" may lie beyond the last event that matches',
  },
  {
    name: 'an "after" beyond the last event is none',
    text: 'event.position > after && ',
    becomes: '(event.position > after || after > this.#events.length) && ',
    caughtBy: '"after" may lie beyond the last event of all',
  },
  {
    name: 'conditions see only what is durable',
    text: 'event.position > after && ',
    becomes: 'event.position <= this.#durable && event.position > after && ',
    caughtBy: 'of many appends that race for one name in one turn, exactly one wins',
  },
  {
    name: 'a condition sees the events of its own append',
    text: 'this.#conflict(condition) ?? this.#accept(events)',
    becomes: '[this.#accept(events)].map((made) => this.#conflict(condition) ?? made)[0]',
    caughtBy: 'the events of an append do not break its own condition',
  },
  {
    name: 'a condition looks at the very last event only',
    text: 'event.position > after && ',
    becomes: 'event.position === this.#events.length && event.position > after && ',
    caughtBy: 'each event of an earlier append counts, not only its last one',
  },
  {
    name: 'a condition looks at the last event of a type only',
    text: 'event.position > after && ',
    becomes: 'event === this.#events.findLast(({ type }) => type === event.type) && event.position > after && ',
    caughtBy: 'a match that lies behind "after" is found, though later events have its type or its tags alone',
  },
  {
    name: 'the first event that breaks a condition is named',
    text: 'this.#events.findLast(',
    becomes: 'this.#events.find(',
    caughtBy: 'a failed condition names the last event that matches, and an item that it matches',
  },
  {
    name: 'the first item of a condition is named, whichever it was',
    text: 'query.findIndex((item) => matchesItem(item, last))',
    becomes: '0',
    caughtBy: 'a failed condition names the last event that matches, and an item that it matches',
  },
  {
    name: 'a loser is told before the event that broke its condition can be read',
    text: 'this.#settlements.push(() =>',
    becomes: 'if (outcome instanceof SluiceError) return reject(outcome); this.#settlements.push(() =>',
    caughtBy: 'the event that broke a condition can be read when the append rejects',
  },
  {
    name: 'who comes after a loser in its batch loses too',
    text: '#settleLater(outcome) {',
    becomes:
      '#settleLater(outcome) { this.lost = this.#committing && (this.lost ?? (outcome instanceof SluiceError ? outcome : undefined)); outcome = this.lost ?? outcome;',
    caughtBy: 'conditions on different things never fail, whatever else goes on',
  },

  // Ids.
  {
    name: 'ids are not remembered',
    text: 'this.#remembered(events) ?? ',
    becomes: '',
    caughtBy: 'events appended again by their ids have the positions they had, and are not stored again',
  },
  {
    name: 'a condition is looked at before the ids',
    text: 'this.#remembered(events) ?? this.#conflict(condition)',
    becomes: 'this.#conflict(condition) ?? this.#remembered(events)',
    caughtBy: 'an append repeated by its ids succeeds, though its condition would fail now',
  },
  {
    name: 'ids are known once they are durable',
    text: 'this.#events.find((event) => id',
    becomes: 'this.#events.slice(0, this.#durable).find((event) => id',
    caughtBy: 'an append can be repeated while the first one is still under way',
  },
  {
    name: 'known and new ids are stored together',
    text: "return new SluiceError('SLUICE_ID_CONFLICT', message);",
    becomes: 'return undefined;',
    caughtBy: 'known and new ids in one append are refused, and nothing of it is stored',
  },
  {
    name: 'known ids are taken for a repeat wherever their events are',
    text: 'event?.position === (first?.position ?? 0) + i',
    becomes: 'event !== undefined',
    caughtBy: 'known ids are refused in one append where their events do not follow on each other',
  },

  // Subscriptions.
  {
    name: 'a subscription leaves out what came while it waited, but for the last',
    text: 'await this.#news(signal);',
    becomes: 'await this.#news(signal), (position = Math.max(position, this.#durable));',
    caughtBy: 'a subscription gives what is there, and then each event as it comes',
    hangs: true,
  },
  {
    name: 'a subscription begins behind what is accepted, where it has to wait',
    text: 'let position = from',
    becomes: 'let position = this.#committing === undefined ? from : this.#events.length + 1',
    caughtBy: 'between what was there and what comes there is no gap, and nothing comes twice',
    hangs: true,
  },
  {
    name: 'a subscription gives the last event again after a wait',
    text: 'await this.#news(signal);',
    becomes: 'await this.#news(signal), (position = Math.max(1, position - 1));',
    caughtBy: 'between what was there and what comes there is no gap, and nothing comes twice',
  },
  {
    name: 'a subscription gives everything',
    text: 'if (event !== undefined && matchesQuery(query, event))',
    becomes: 'if (event !== undefined)',
    caughtBy: 'a subscription gives only what its query finds, before and after',
  },
  {
    name: 'a subscription begins at the first event, whatever "from" says',
    text: 'let position = from',
    becomes: 'let position = 1',
    caughtBy: 'a subscription begins with "from"',
  },
  {
    name: 'a subscription sees what is accepted',
    text: 'while (position > this.#durable)',
    becomes: 'while (position > this.#events.length)',
    caughtBy: 'what a subscription gives can be read, and lies no higher than the head',
  },
  {
    name: 'one subscription at a time is told of news',
    text: 'this.#watchers.add(wake);',
    becomes: 'this.#watchers.clear(); this.#watchers.add(wake);',
    caughtBy: 'several subscriptions each get everything, and one that nobody reads holds back nobody',
    hangs: true,
  },
  {
    name: 'a subscription ends before the last events when the store is closed',
    text: 'while (position > this.#durable)',
    becomes: 'while (this.#closed || position > this.#durable)',
    caughtBy: 'a subscription ends when the store is closed, after the last event',
  },
  {
    name: 'a subscription never ends',
    text: 'if (this.#closed && this.#committing === undefined)',
    becomes: 'if (false)',
    caughtBy: 'a subscription ends when the store is closed, after the last event',
    hangs: true,
  },
  {
    name: 'a subscription that waits does not listen to its signal',
    text: "signal?.addEventListener('abort', wake);",
    becomes: '',
    caughtBy: 'a signal ends a subscription that waits, with its reason',
    hangs: true,
  },

  // What is in an event.
  {
    name: 'readers share the tags',
    text: 'tags: [...tags],',
    becomes: 'tags,',
    caughtBy: 'what a reader changes is its own',
    unseenByHistories: true,
  },
  {
    name: 'the caller’s tags are kept as they are',
    file: 'event-arguments.js',
    text: 'return copied;',
    becomes: 'return value;',
    caughtBy: 'what the caller changes after the call has no effect',
    unseenByHistories: true,
  },
  {
    name: 'the caller’s bytes are kept as they are',
    file: 'event-arguments.js',
    text: "Uint8Array.from(event['data'])",
    becomes: "event['data']",
    caughtBy: 'bytes that the caller changes after the call stay what they were',
    unseenByHistories: true,
  },
  {
    name: 'bytes become JSON',
    file: 'event-arguments.js',
    text: "types.isUint8Array(event['data'])",
    becomes: 'false',
    caughtBy: 'bytes come back as they were',
  },
  {
    name: 'the key __proto__ sets a prototype',
    text: 'JSON.parse(content)',
    becomes:
      "JSON.parse(content, (_, value) => (value?.constructor === undefined || Object.hasOwn(value, '__proto__') ? Object.assign({}, value) : value))",
    caughtBy: 'keys such as __proto__ are keys like others',
  },
  {
    name: 'no data is null',
    text: '...(data === undefined ? {} : { data: contentOf(data) }),',
    becomes: 'data: data === undefined ? null : contentOf(data),',
    caughtBy: 'an event without data comes back without',
  },
  {
    name: 'metadata gets lost beside bytes',
    text: '...(metadata === undefined ?',
    becomes: "...(metadata === undefined || typeof data !== 'string' ?",
    caughtBy: 'metadata stands beside bytes',
  },
  {
    name: 'timestamps go back',
    text: 'Math.max(Date.now(), this.#events.at(-1)?.timestamp ?? 0)',
    becomes: 'Date.now() - this.#events.length * 10_000',
    caughtBy: 'timestamps are milliseconds since the epoch, and never go back',
  },

  // What is refused.
  {
    name: 'arguments that make no sense reject',
    text: '    append(events, condition, options) {',
    becomes: '    async append(events, condition, options) {',
    caughtBy: 'what is no event is refused at once, and nothing of its append is stored',
    unseenByHistories: true,
  },
  {
    name: 'data that is no JSON throws what JSON throws',
    file: 'json-content.js',
    text: 'catch (error) {',
    becomes: 'catch (error) { throw error;',
    caughtBy: 'what is no event is refused at once, and nothing of its append is stored',
    unseenByHistories: true,
  },
  {
    name: 'an instance of a class is taken for the properties that it has',
    file: 'json-content.js',
    text: 'Array.isArray(part) || isPlainObject(part)',
    becomes: 'true',
    caughtBy: 'what JSON would not give back is refused at once, wherever it is in the data',
    unseenByHistories: true,
  },
  {
    name: 'a number that JSON does not have becomes null',
    file: 'json-content.js',
    text: 'Number.isFinite(part)',
    becomes: 'true',
    caughtBy: 'what JSON would not give back is refused at once, wherever it is in the data',
    unseenByHistories: true,
  },
  {
    name: 'bytes inside of data become an object',
    file: 'json-content.js',
    text: 'if (ArrayBuffer.isView(given))\n',
    becomes: 'if (false)\n',
    caughtBy: 'what JSON would not give back is refused at once, wherever it is in the data',
    unseenByHistories: true,
  },
  {
    name: 'what is missing in a list becomes null',
    file: 'json-content.js',
    text: '!Array.isArray(holder)',
    becomes: 'true',
    caughtBy: 'what JSON would not give back is refused at once, wherever it is in the data',
    unseenByHistories: true,
  },
  {
    name: 'metadata is not looked at as data is',
    file: 'event-arguments.js',
    text: 'value === undefined ?',
    becomes: "name.endsWith('.metadata') ? JSON.stringify(value) : value === undefined ?",
    caughtBy: 'what JSON would not give back is refused at once, wherever it is in the metadata',
    unseenByHistories: true,
  },
  {
    name: 'a tag may be there twice',
    file: 'event-arguments.js',
    text: 'refuseRepeated(name, copied);',
    becomes: '',
    caughtBy: 'what is no event is refused at once, and nothing of its append is stored',
    unseenByHistories: true,
  },
  {
    name: 'a query may be empty',
    file: 'event-arguments.js',
    text: "refuse('a query has an item at least')",
    becomes: '{}',
    caughtBy: 'what is no query is refused at once, wherever one is taken',
    unseenByHistories: true,
  },
  {
    name: 'a misspelt option is overlooked',
    file: 'event-arguments.js',
    text: 'if (unknown !== undefined)',
    becomes: 'if (false)',
    caughtBy: 'options of read that make no sense are refused at once',
    unseenByHistories: true,
  },
  {
    name: 'a position need not be whole',
    file: 'event-arguments.js',
    text: 'Number.isSafeInteger(value) &&',
    becomes: "typeof value === 'number' &&",
    caughtBy: 'what is no condition is refused at once',
    unseenByHistories: true,
  },
]
