import { parseArgs } from 'node:util'
import { Belongings } from './belongings.js'
import { LiveView } from './live-view.js'
import { type Mishap, Story } from './story.js'

/**
 * Runs the demo with these arguments, in a process of its own. Resolves to the exit code: 0 only where nothing was lost. The
 * service loses nothing; a test that wants to see a loss brings the mishap that leads to one.
 */
export async function runDemo(args: readonly string[], mishap: Mishap = async () => {}): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '10' },
      connections: { type: 'string', default: '256' },
      directory: { type: 'string' },
    },
  })
  const scale = { seconds: Number(values.seconds), connections: Number(values.connections) }
  if (!(scale.seconds > 0) || !(Number.isInteger(scale.connections) && scale.connections > 0)) {
    console.error('usage: demo.js [--seconds N] [--connections N] [--directory PARENT]')
    return 2
  }
  const view = new LiveView(process.stdout)
  const belongings = new Belongings(values.directory)
  let interrupted = false
  for (const [signal, number] of [['SIGHUP', 1] as const, ['SIGINT', 2] as const, ['SIGTERM', 15] as const]) {
    process.on(signal, () => {
      interrupted = true
      belongings.clear().finally(() => process.exit(128 + number))
    })
  }
  try {
    return (await new Story(scale, belongings, view).tell(mishap)) ? 0 : 1
  } catch (error) {
    // Once everything was taken away on purpose, whatever was waiting for it fails.
    if (!interrupted) view.say(`the demo failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await belongings.clear()
  }
}
