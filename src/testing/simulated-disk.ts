import { parse, resolve, sep } from 'node:path'
import { systemError } from '../fs/system-error.js'
import type { Random } from './random.js'
import { SimulatedFile } from './simulated-file.js'
import { SimulatedFolder, type SimulatedNode } from './simulated-folder.js'
import { drawSharedSurvival, type Survival } from './survival.js'

/** Where an entry is, or would be. */
interface Place {
  readonly folder: SimulatedFolder
  readonly name: string
}

/** The tree of files and folders, without descriptors or faults. Errors are those that Linux gives. */
export class SimulatedDisk {
  readonly #root: SimulatedFolder

  constructor(root = new SimulatedFolder()) {
    this.#root = root
  }

  file(path: string, syscall: string): SimulatedFile {
    const node = this.#node(path, syscall)
    if (node instanceof SimulatedFolder) throw systemError('EISDIR', syscall, path)
    return node
  }

  folder(path: string, syscall: string): SimulatedFolder {
    const node = this.#node(path, syscall)
    if (node instanceof SimulatedFile) throw systemError('ENOTDIR', syscall, path)
    return node
  }

  /** Whether this is a folder and not a file. Throws `ENOENT` or `ENOTDIR` where it is neither. */
  isFolder(path: string): boolean {
    return this.#node(path, 'stat') instanceof SimulatedFolder
  }

  createFile(call: number, path: string): SimulatedFile {
    const { folder, name } = this.#place(path, (code) => systemError(code, 'open', path))
    if (folder.get(name) !== undefined) throw systemError('EEXIST', 'open', path)
    const file = new SimulatedFile()
    folder.set(call, name, file)
    return file
  }

  makeFolder(call: number, path: string): void {
    if (namesOf(path).length === 0) return
    const { folder, name } = this.#place(path, (code) => systemError(code, 'mkdir', path))
    const there = folder.get(name)
    if (there instanceof SimulatedFile) throw systemError('EEXIST', 'mkdir', path)
    if (there === undefined) folder.set(call, name, new SimulatedFolder())
  }

  rename(call: number, from: string, to: string): void {
    const failure = (code: string): Error => systemError(code, 'rename', from, to)
    const source = this.#place(from, failure)
    const target = this.#place(to, failure)
    const node = source.folder.get(source.name)
    if (node === undefined) throw failure('ENOENT')
    const replaced = target.folder.get(target.name)
    if (replaced === node) return
    if (isBelow(from, to)) throw failure('ENOTEMPTY')
    if (isBelow(to, from)) throw failure('EINVAL')
    if (node instanceof SimulatedFile && replaced instanceof SimulatedFolder) throw failure('EISDIR')
    if (node instanceof SimulatedFolder) {
      if (replaced instanceof SimulatedFile) throw failure('ENOTDIR')
      if (replaced !== undefined && replaced.names().length > 0) throw failure('ENOTEMPTY')
    }
    source.folder.set(call, source.name, undefined)
    target.folder.set(call, target.name, node)
  }

  removeFile(call: number, path: string): void {
    this.file(path, 'unlink')
    const { folder, name } = this.#place(path, (code) => systemError(code, 'unlink', path))
    folder.set(call, name, undefined)
  }

  removeFolder(call: number, path: string): void {
    const failure = (code: string): Error => systemError(code, 'rmdir', path)
    const { folder, name } = this.#place(path, failure)
    const node = folder.get(name)
    if (node === undefined) throw failure('ENOENT')
    if (node instanceof SimulatedFile) throw failure('ENOTDIR')
    if (node.names().length > 0) throw failure('ENOTEMPTY')
    folder.set(call, name, undefined)
  }

  /** Every file that has a name now. */
  files(): Set<SimulatedFile> {
    const found = new Set<SimulatedFile>()
    const visit = (folder: SimulatedFolder): void => {
      for (const node of folder.nodes()) {
        if (node instanceof SimulatedFolder) visit(node)
        else found.add(node)
      }
    }
    visit(this.#root)
    return found
  }

  /** What a machine finds after a power cut. `survival` rules for all files and folders; by default it is drawn. */
  afterCrash(random: Random, survival?: Survival): SimulatedDisk {
    const range = this.#root.unsyncedCalls()
    const shared = survival ?? (range === undefined ? undefined : drawSharedSurvival(random, range))
    return new SimulatedDisk(this.#root.afterCrash(random, shared, new Map()))
  }

  /** What another process finds after this one was killed. */
  afterKill(): SimulatedDisk {
    return new SimulatedDisk(this.#root.afterKill(new Map()))
  }

  #node(path: string, syscall: string): SimulatedNode {
    let node: SimulatedNode = this.#root
    for (const name of namesOf(path)) {
      if (node instanceof SimulatedFile) throw systemError('ENOTDIR', syscall, path)
      const next = node.get(name)
      if (next === undefined) throw systemError('ENOENT', syscall, path)
      node = next
    }
    return node
  }

  #place(path: string, failure: (code: string) => Error): Place {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw failure('EBUSY') // The root can't be made, renamed or removed.
    let folder = this.#root
    for (const above of names) {
      const next = folder.get(above)
      if (next === undefined) throw failure('ENOENT')
      if (next instanceof SimulatedFile) throw failure('ENOTDIR')
      folder = next
    }
    return { folder, name }
  }
}

function isBelow(path: string, folder: string): boolean {
  return resolve(path).startsWith(`${resolve(folder)}${sep}`)
}

/** All drives of Windows are one root here. */
function namesOf(path: string): string[] {
  const absolute = resolve(path)
  return absolute.slice(parse(absolute).root.length).split(sep).filter(Boolean)
}
