import test from 'ava'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { type Random, random } from '../support/random.js'
import { textOf } from '../support/simulated-files.js'

const ROUNDS = 400
const CALLS_A_ROUND = 60
const CRASHES_A_ROUND = 12
const FOLDERS = ['/', '/folder/'] as const
const PATHS = ['/a', '/b', '/c', '/folder/d', '/folder/e']

/** What a file held when it was last synced, and after each call since: byte by byte, one of them survives a crash. */
interface ModelFile {
  synced: Buffer
  since: Buffer[]
  readonly fd: number
}

/** What a name stood for when its folder was last synced, and after each call since. */
interface ModelName {
  synced: ModelFile | undefined
  since: (ModelFile | undefined)[]
}

class Model {
  readonly fs: SimulatedFileSystem
  readonly files: ModelFile[] = []
  readonly names = new Map<string, ModelName>(PATHS.map((path) => [path, { synced: undefined, since: [] }]))
  readonly done: string[] = []
  readonly #random: Random

  constructor(numbers: Random) {
    this.#random = numbers
    this.fs = new SimulatedFileSystem({ seed: numbers.below(2 ** 31) })
    this.fs.makeDirectorySync('/folder')
    this.fs.syncDirectorySync('/')
  }

  step(): void {
    const path = this.#any(PATHS)
    const name = this.#name(path)
    const file = seen(name)
    const kind = this.#random.below(9)
    if (kind === 0) this.#syncFolder(this.#any(FOLDERS))
    else if (file === undefined) this.#create(path, name)
    else if (kind === 1) this.#remove(path, name)
    else if (kind === 2) this.#rename(path, this.#any(PATHS))
    else this.#change(file)
  }

  /** What is wrong with this state, as one that a crash may leave; `undefined` where nothing is. */
  fault(after: SimulatedFileSystem): string | undefined {
    for (const [path, { synced, since }] of this.names) {
      const found = textOf(after, path)
      const candidates = [synced, ...since]
      const possible = candidates.some((file) =>
        file === undefined || found === undefined ? file === found : isPossible(file, Buffer.from(found, 'latin1')),
      )
      if (!possible) return `${path} is ${found === undefined ? 'gone' : 'in no state that it can be in'}`
    }
    return undefined
  }

  #create(path: string, name: ModelName): void {
    this.done.push(`create ${path}`)
    const file: ModelFile = { synced: Buffer.alloc(0), since: [], fd: this.fs.openSync(path, 'create') }
    this.files.push(file)
    name.since.push(file)
  }

  #remove(path: string, name: ModelName): void {
    this.done.push(`remove ${path}`)
    this.fs.removeSync(path)
    name.since.push(undefined)
  }

  #rename(from: string, to: string): void {
    if (from === to) return
    this.done.push(`rename ${from} ${to}`)
    this.fs.renameSync(from, to)
    const source = this.#name(from)
    this.#name(to).since.push(seen(source))
    source.since.push(undefined)
  }

  #syncFolder(folder: string): void {
    this.done.push(`sync ${folder}`)
    this.fs.syncDirectorySync(folder)
    for (const [path, name] of this.names) {
      if (path.slice(0, path.lastIndexOf('/') + 1) !== folder) continue
      name.synced = seen(name)
      name.since = []
    }
  }

  #change(file: ModelFile): void {
    const before = file.since.at(-1) ?? file.synced
    const position = this.#random.below(2000)
    const kind = this.#random.below(6)
    if (kind === 0) {
      this.done.push(`sync file ${this.files.indexOf(file)}`)
      this.fs.datasyncSync(file.fd)
      file.synced = before
      file.since = []
    } else if (kind === 1) {
      this.done.push(`cut file ${this.files.indexOf(file)} to ${position}`)
      this.fs.truncateSync(file.fd, position)
      file.since.push(Buffer.concat([before, Buffer.alloc(position)]).subarray(0, position))
    } else {
      const data = Buffer.alloc(1 + this.#random.below(1200), this.#random.below(256))
      this.done.push(`write ${data.length} to file ${this.files.indexOf(file)} at ${position}`)
      this.fs.writeSync(file.fd, data, 0, data.length, position)
      const image = Buffer.alloc(Math.max(before.length, position + data.length))
      before.copy(image)
      data.copy(image, position)
      file.since.push(image)
    }
  }

  #name(path: string): ModelName {
    const name = this.names.get(path)
    if (name === undefined) throw new Error(`${path} is not in the model`)
    return name
  }

  #any<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T // Within its bounds.
  }
}

function seen(name: ModelName): ModelFile | undefined {
  return name.since.length > 0 ? name.since.at(-1) : name.synced
}

function isPossible(file: ModelFile, found: Buffer): boolean {
  const images = [file.synced, ...file.since]
  if (!images.some((image) => image.length === found.length)) return false
  return found.every((byte, i) => images.some((image) => (image[i] ?? 0) === byte))
}

test('whatever is done, nothing that was synced vanishes, and nothing is found that never was', (t) => {
  const numbers = random()
  t.log(`SLUICE_SEED=${numbers.seed}`)
  for (let round = 0; round < ROUNDS; round++) {
    const model = new Model(numbers)
    for (let i = 0; i < CALLS_A_ROUND; i++) model.step()
    for (let crash = 0; crash < CRASHES_A_ROUND; crash++) {
      const seed = numbers.below(2 ** 31)
      const fault = model.fault(model.fs.stateAfterCrash({ seed }))
      if (fault !== undefined) return t.fail(`${fault}, crashed with seed ${seed} after:\n${model.done.join('\n')}`)
    }
  }
  t.pass()
})

test('the model finds what is not possible', (t) => {
  const numbers = random()
  t.log(`SLUICE_SEED=${numbers.seed}`)
  const model = new Model(numbers)
  // A model that believes every sync to have happened, over a disk that keeps nothing, is soon contradicted.
  let contradicted = false
  for (let i = 0; i < 2000 && !contradicted; i++) {
    model.step()
    contradicted = model.fault(new SimulatedFileSystem()) !== undefined
  }
  t.true(contradicted)
})
