import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, mkdirSync, rmSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AckBoard } from './ack-board.js'
import type { Cut, CutOutcome, DiskAnswer, DiskOrder } from './disk-orders.js'
import { copyImage, unmount } from './mounts.js'

/** A disk of which can be had, at any moment, what a power cut would leave of it then. It goes on meanwhile. */
export interface CuttableDisk {
  /** To be mounted, by way of a loop device. */
  readonly path: string
  cut(cut: Cut): Promise<CutOutcome>
  stop(): Promise<void>
}

const SERVER = new URL('./disk-server.js', import.meta.url).pathname

/** The disk of disk-server.ts: what was not flushed is lost, kept, torn or reordered. */
export class VolatileDiskProcess implements CuttableDisk {
  readonly path: string
  readonly #folder: string
  readonly #seenPath: string
  readonly #server: ChildProcess

  private constructor(folder: string, seenPath: string, server: ChildProcess) {
    this.#folder = folder
    this.#seenPath = seenPath
    this.path = join(folder, 'disk')
    this.#server = server
  }

  /** @param image what the disk holds at first; it is changed by each flush; @param folder for its own files */
  static async start(image: string, folder: string): Promise<VolatileDiskProcess> {
    const mounted = join(folder, 'fuse')
    const seenPath = join(folder, 'seen.img')
    mkdirSync(mounted, { recursive: true })
    const server = spawn(process.execPath, [SERVER, mounted, image, seenPath], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [word]: unknown[] = await Promise.race([
      once(server.stdout, 'data'),
      once(server, 'close').then(() => ['the end']),
    ])
    if (String(word) !== 'mounted\n') throw new Error('the disk’s process has not started')
    return new VolatileDiskProcess(mounted, seenPath, server)
  }

  /** Where the moment does not come, because nothing is written any more, this one is taken. */
  async cut(cut: Cut): Promise<CutOutcome> {
    let answer = await this.order({ kind: 'cut', ...cut })
    for (let attempts = 100; answer.cut === undefined; attempts--) {
      if (attempts === 0) answer = await this.order({ kind: 'cut', ...cut, moment: 'now' })
      else {
        await delay(2)
        answer = await this.#answer()
      }
    }
    return answer.cut
  }

  async order(order: DiskOrder): Promise<DiskAnswer> {
    await writeFile(join(this.#folder, 'control'), JSON.stringify(order), { flag: 'r+' })
    return this.#answer()
  }

  async stop(): Promise<void> {
    const ended = once(this.#server, 'close')
    await unmount(this.#folder)
    await ended
    rmSync(this.#seenPath)
  }

  async #answer(): Promise<DiskAnswer> {
    // disk-server.ts writes it.
    return JSON.parse(await readFile(join(this.#folder, 'control'), 'utf8')) as DiskAnswer
  }
}

/**
 * A file on a file system with reflinks: a copy of it is made in an instant, and holds all that was written, flushed or
 * not. Simpler than the other disk, with the kernel's own code alone, and lenient.
 */
export class FrozenDisk implements CuttableDisk {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @param store a folder on a file system with reflinks */
  static async start(image: string, store: string): Promise<FrozenDisk> {
    return new FrozenDisk(copyImage(image, join(store, 'disk.img')))
  }

  async cut({ path, board }: Cut): Promise<CutOutcome> {
    const opened = AckBoard.open(board)
    const acknowledged = opened.read()
    opened.close()
    const frozen = join(this.path, '..', 'frozen.img')
    await copyFile(this.path, frozen, constants.COPYFILE_FICLONE_FORCE)
    copyImage(frozen, path)
    rmSync(frozen)
    return { missing: 0, acknowledged }
  }

  async stop(): Promise<void> {
    rmSync(this.path)
  }
}
