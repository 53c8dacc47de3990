import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The processes and folders that a demo has made, so that all of them can be taken away again, whatever happens. */
export class Belongings {
  readonly #children = new Set<ChildProcess>()
  readonly #directories = new Set<string>()
  readonly #parentDirectory: string
  #cleared = false

  constructor(parentDirectory = tmpdir()) {
    this.#parentDirectory = parentDirectory
  }

  /** Starts a module of this folder in a process of its own. */
  start(module: string, args: readonly string[]): ChildProcess {
    this.#refuseOnceCleared()
    const child = fork(new URL(module, import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  makeDirectory(): string {
    this.#refuseOnceCleared()
    const directory = mkdtempSync(join(this.#parentDirectory, 'sluice-demo-'))
    this.#directories.add(directory)
    return directory
  }

  /** Kills every child and waits until it is gone, then removes the folders. From then on nothing new is made. */
  async clear(): Promise<void> {
    this.#cleared = true
    const exits = [...this.#children].map((child) => {
      const exit = exitOf(child)
      child.kill('SIGKILL')
      return exit
    })
    await Promise.all(exits)
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true })
    this.#directories.clear()
  }

  #refuseOnceCleared(): void {
    if (this.#cleared) throw new Error('everything has been taken away')
  }
}

/** Resolves once a process has ended: to its exit code, or to the signal that ended it. */
export function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const ended = child.exitCode ?? child.signalCode
  if (ended !== null) return Promise.resolve(ended)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // Not 'exit': that can come before the last messages. One of the two arguments is always set.
    child.once('close', (code, signal) => resolve(code ?? signal ?? 0))
  })
}
