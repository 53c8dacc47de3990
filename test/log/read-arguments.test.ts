import test from 'ava'
import { RecordReader } from '../../src/log/record-reader.js'
import { ControlledView } from '../support/controlled-view.js'

const reader = new RecordReader(new ControlledView([], 0))

const notLsns = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', 7n, null, {}, []]

test('get refuses at once what is no LSN, and shows it', (t) => {
  for (const lsn of [...notLsns, undefined]) {
    // The types forbid most of these: JavaScript doesn't.
    t.throws(() => void reader.get(lsn as number), { code: 'SLUICE_INVALID_ARGUMENT', message: /^lsn must be/ })
  }
  t.throws(() => void reader.get(-3), { message: 'lsn must be a whole number from 1 to 2^53-1, not -3' })
  t.throws(() => void reader.get('7' as unknown as number), { message: /not "7"$/ })
})

test('read and follow refuse at once what is no LSN', (t) => {
  for (const lsn of notLsns) {
    const options = { from: lsn } as object
    t.throws(() => reader.read(options), { code: 'SLUICE_INVALID_ARGUMENT', message: /^from must be/ })
    t.throws(() => reader.follow(options), { code: 'SLUICE_INVALID_ARGUMENT', message: /^from must be/ })
    t.throws(() => reader.read({ to: lsn } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^to must be/ })
  }
})

test('read refuses an impossible limit, and takes 0', (t) => {
  for (const limit of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
    t.throws(() => reader.read({ limit } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^limit must be/ })
  }
  t.notThrows(() => reader.read({ limit: 0 }))
})

test('a signal must be an AbortSignal', (t) => {
  for (const signal of [{}, { aborted: false }, new AbortController(), null, 'stop']) {
    t.throws(() => reader.read({ signal } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^signal must be/ })
    t.throws(() => reader.follow({ signal } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^signal must be/ })
  }
})

test('options that do not exist are refused by name', (t) => {
  t.throws(() => reader.read({ form: 1 } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /no option form/ })
  t.throws(() => reader.follow({ to: 1 } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /no option to/ })
  for (const options of [null, 5, 'from', [1]]) {
    // The types forbid these: JavaScript doesn't.
    t.throws(() => reader.read(options as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /must be an object/ })
    t.throws(() => reader.follow(options as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /must be an object/ })
  }
})
