import test from 'ava'
import { openLog } from '../../src/index.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const CALLERS = 1024
const ROUNDS = 150
/** Large enough that a part of what all of them append is handed to the writer while the others still work. */
const RECORD = Buffer.alloc(142, 65)
/** What each caller does before it appends: all of them together then take longer than a commit. */
const WORK_MS = 0.002
/** A message, one that was left, the end of a task, and room for more: without the bound ten to twenty were seen. */
const TIMES_A_TURN_MAX = 5

test('however fast the writer is, the event loop goes round: who appends again at once is told a few times a turn', async (t) => {
  const log = await openLog(temporaryDirectory(t))
  let turn = 0
  let goesOn = true
  const count = (): void => {
    turn += 1
    if (goesOn) setImmediate(count)
  }
  setImmediate(count)
  const mostOf = async (): Promise<number> => {
    let [lastTurn, times, most] = [-1, 0, 0]
    for (let round = 0; round < ROUNDS; round += 1) {
      const until = performance.now() + WORK_MS
      while (performance.now() < until);
      await log.append(RECORD)
      times = turn === lastTurn ? times + 1 : 1
      lastTurn = turn
      most = Math.max(most, times)
    }
    return most
  }
  const most = Math.max(...(await Promise.all(Array.from({ length: CALLERS }, mostOf))))
  goesOn = false
  t.true(most <= TIMES_A_TURN_MAX, `a caller was told ${most} times in one turn`)
  await log.close()
})
