import test from 'ava'
import {
  fromErrorRecord,
  isDiskFull,
  SluiceError,
  type SluiceErrorDetails,
  shown,
  systemCode,
  toErrorRecord,
} from '../src/errors.js'
import { systemError } from '../src/fs/system-error.js'

const cause = systemError('ENOSPC', 'write', '/log/0000000000000001.seg')

test('an error has a code, a name, and only the details that it was given', (t) => {
  const error = new SluiceError('SLUICE_CLOSED', 'the log is closed')
  t.true(error instanceof Error)
  t.is(error.name, 'SluiceError')
  t.is(error.code, 'SLUICE_CLOSED')
  t.is(error.message, 'the log is closed')
  t.false('cause' in error)
  for (const name of ['outcome', 'firstLsn', 'lastLsn', 'segment', 'offset', 'errno', 'syscall', 'path']) {
    t.false(name in error, name)
  }
  t.regex(error.stack ?? '', /errors\.test/)
})

test('details are on the error itself', (t) => {
  const details: SluiceErrorDetails = {
    outcome: 'indeterminate',
    firstLsn: 0,
    lastLsn: 9,
    segment: '0000000000000001.seg',
    offset: 0,
  }
  t.like(new SluiceError('SLUICE_COMMIT_FAILED', 'no', details), details, 'zeros too')
})

test('errno, syscall and path of a system error are copied from the cause', (t) => {
  const error = new SluiceError('SLUICE_DISK_FULL', 'full', { cause })
  t.is(error.cause, cause)
  t.is(error.errno, cause.errno)
  t.is(error.syscall, 'write')
  t.is(error.path, '/log/0000000000000001.seg')
  t.is(error.code, 'SLUICE_DISK_FULL', 'the code stays its own')
})

test('a cause that is no system error, or no error at all, is kept as it is', (t) => {
  for (const other of [new Error('x'), 'text', null, 0, { errno: 'five', syscall: 5, path: null }]) {
    const error = new SluiceError('SLUICE_IO', 'no', { cause: other })
    t.is(error.cause, other)
    for (const name of ['errno', 'syscall', 'path']) t.false(name in error)
  }
})

test('an error taken apart, sent, and put together again is the same', (t) => {
  const inner = new SluiceError('SLUICE_IO', 'inner', { cause })
  const error = new SluiceError('SLUICE_COMMIT_FAILED', 'outer', {
    cause: inner,
    outcome: 'not-written',
    firstLsn: 3,
    lastLsn: 2 ** 50,
    segment: 's',
    offset: 0,
  })
  for (const send of [structuredClone, (record: unknown) => JSON.parse(JSON.stringify(record))]) {
    const copy = fromErrorRecord(send(toErrorRecord(error)))
    t.true(copy instanceof SluiceError)
    t.like(copy, {
      code: 'SLUICE_COMMIT_FAILED',
      message: 'outer',
      outcome: 'not-written',
      firstLsn: 3,
      lastLsn: 2 ** 50,
      segment: 's',
      offset: 0,
      errno: cause.errno,
      syscall: 'write',
      path: cause.path ?? '',
    })
    const innerCopy = copy.cause
    t.true(innerCopy instanceof SluiceError && innerCopy.code === 'SLUICE_IO')
    const causeCopy = (innerCopy as SluiceError).cause // It was just found to be one.
    t.false(causeCopy instanceof SluiceError)
    t.like(causeCopy, {
      code: 'ENOSPC',
      errno: cause.errno,
      syscall: 'write',
      path: cause.path,
      message: cause.message,
    })
    t.true(isDiskFull(causeCopy))
  }
})

test('what is no error is sent as one all the same', (t) => {
  for (const thrown of ['text', 5, null, undefined, { message: 'x' }]) {
    const copy = fromErrorRecord(toErrorRecord(thrown))
    t.true(copy instanceof Error)
    t.is(copy.message, String(thrown))
  }
})

test('an error without a code gets none on its way', (t) => {
  const copy = fromErrorRecord(toErrorRecord(new TypeError('x')))
  t.false('code' in copy)
  t.false('cause' in copy)
  t.is(copy.message, 'x')
})

test('a cause that is no error survives the way', (t) => {
  const copy = fromErrorRecord(toErrorRecord(new SluiceError('SLUICE_IO', 'x', { cause: 'text' })))
  t.true(copy.cause instanceof Error && copy.cause.message === 'text')
})

test('a full disk is told by its code', (t) => {
  t.true(isDiskFull(cause))
  t.true(isDiskFull(systemError('EDQUOT', 'write')))
  t.false(isDiskFull(systemError('EIO', 'write')))
  t.false(isDiskFull(new SluiceError('SLUICE_DISK_FULL', 'full', { cause })), 'only the system says so')
  for (const other of [undefined, null, 'ENOSPC', 28, new Error('ENOSPC')]) t.false(isDiskFull(other))
  t.is(systemCode(cause), 'ENOSPC')
  t.is(systemCode({ code: 5 }), undefined)
})

test('a refused value is shown short, and on one line', (t) => {
  t.is(shown('a "text"\nof two lines'), '"a \\"text\\"\\nof two lines"')
  t.is(shown('x'.repeat(61)), `"${'x'.repeat(60)}…"`)
  t.is(shown('x'.repeat(60)), `"${'x'.repeat(60)}"`)
  t.is(shown(undefined), 'undefined')
  t.is(shown(-0.5), '-0.5')
  t.is(shown(10n), '10n')
  t.is(shown(Symbol('s')), 'Symbol(s)')
  t.is(shown(new Map()), 'an object of Map')
  t.is(shown([1]), 'an array')
  t.is(
    shown(() => {}),
    'a function',
  )
})
