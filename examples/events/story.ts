import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type EventShape, type EventStore, openEventStore } from 'sluice/events'

/** What a story does with a store, line by line. */
export type Story<E extends EventShape> = (store: EventStore<E>, say: (line: string) => void) => Promise<void>

/** Tells the story of an example, with a store in a temporary folder, if its file is the program that was started. */
export async function tell<E extends EventShape>(fileUrl: string, story: Story<E>): Promise<void> {
  const program = process.argv[1]
  if (program === undefined || realpathSync(program) !== realpathSync(fileURLToPath(fileUrl))) return
  const directory = mkdtempSync(join(tmpdir(), 'sluice-story-'))
  try {
    const store = await openEventStore<E>(directory)
    await story(store, console.log)
    await store.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What became of something that may be refused: a line for the story. */
export async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'yes',
    (error: unknown) => `no: ${error instanceof Error ? error.message : String(error)}`,
  )
}
