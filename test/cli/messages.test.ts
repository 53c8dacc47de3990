import { Writable } from 'node:stream'
import test from 'ava'
import { Messages } from '../../src/cli/messages.js'
import { counted, shownBytes, shownDuration, shownRate, shownTime } from '../../src/cli/quantity.js'

/** Standard error as far as messages use it. */
class Screen extends Writable {
  readonly isTTY: boolean
  columns = 20
  text = ''

  constructor(isTTY: boolean) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk
    done()
  }
}

function messagesOn(isTTY: boolean): { messages: Messages; screen: Screen } {
  const screen = new Screen(isTTY)
  return { messages: new Messages(screen as unknown as NodeJS.WriteStream), screen } // It has all that is used.
}

test('on a terminal each thing shown takes the place of the one before, and what is said stays', (t) => {
  const { messages, screen } = messagesOn(true)
  messages.show('12345')
  messages.show('123')
  messages.say('done')
  messages.show('')
  t.is(screen.text, '\r12345\r123  \r   \rdone\n')
})

test('what is shown never takes more than a line', (t) => {
  const { messages, screen } = messagesOn(true)
  messages.show('x'.repeat(100))
  t.is(screen.text.length, 20)
  screen.columns = 0
  messages.show('y'.repeat(100))
  t.is(screen.text.length, 20 + 80)
})

test('elsewhere nothing is shown, and there are no control characters', (t) => {
  const { messages, screen } = messagesOn(false)
  messages.show('12345')
  messages.say('one\u001b[31m\ntwo')
  t.is(screen.text, 'one\\u001b[31m\\ntwo\n')
})

test('quantities for people', (t) => {
  t.deepEqual([0, 999, 1000, 2_370_789, 999_499, 999_500, 5e15].map(shownBytes), [
    '0 B',
    '999 B',
    '1 kB',
    '2.37 MB',
    '999 kB',
    '1 MB',
    '5 PB',
  ])
  t.deepEqual([0, 5.123, 999, 1000, 119_000, 120_000, 7_200_000, 172_800_000].map(shownDuration), [
    '0 ms',
    '5.12 ms',
    '999 ms',
    '1 s',
    '119 s',
    '2 min',
    '2 h',
    '2 days',
  ])
  t.is(shownRate(10, 100, 'records'), '100 records/s')
  t.is(shownRate(10, 0, 'records'), '')
  t.deepEqual(
    [counted(0, 'record'), counted(1, 'record'), counted(2, 'record')],
    ['0 records', '1 record', '2 records'],
  )
  t.deepEqual(
    [shownTime(0), shownTime(undefined), shownTime(1000), shownTime(1e300)],
    ['-', '-', '1970-01-01T00:00:01.000Z', '1e+300 ms'],
  )
})
