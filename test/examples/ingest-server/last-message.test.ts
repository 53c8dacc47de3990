import { fork } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'

const CHARACTERS = 8 * 1024 * 1024

test('a last message arrives whole, however large it is, before the channel is closed', async (t) => {
  const fixture = new URL('../../fixtures/last-message.js', import.meta.url)
  const child = fork(fixture, [String(CHARACTERS)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const texts: string[] = []
  // Its messages are of this type, and no other.
  child.on('message', (message: { text: string }) => texts.push(message.text))
  const [code] = await once(child, 'close')
  t.is(code, 0)
  t.deepEqual(
    texts.map((text) => text.length),
    [CHARACTERS],
  )
})
