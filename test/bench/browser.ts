import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const

type Answer = Readonly<Record<string, unknown>>
interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Answer
  readonly result?: Answer
  readonly error?: { readonly message: string }
}

/** Finds a browser that can be driven; `undefined` where none is installed. */
export function findBrowser(): string | undefined {
  return NAMES.flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))).find(
    (file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true,
  )
}

/** A browser without a window, driven by its own protocol over two pipes. */
export class Browser {
  /** What the page that was opened last asked for, its own address first. */
  readonly requests: string[] = []
  /** What it complained about, on its console and elsewhere. */
  readonly complaints: string[] = []
  readonly #process: ChildProcess
  readonly #profile: string
  readonly #to: Writable
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>()
  readonly #listeners = new Map<string, () => void>()
  #session: string | undefined
  #sent = 0
  #received = ''

  constructor(program: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'sluice-browser-'))
    const args = [
      ...['--headless=new', '--remote-debugging-pipe', '--disable-gpu', '--no-first-run', '--disable-extensions'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars'],
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-dev-shm-usage', `--user-data-dir=${this.#profile}`, 'about:blank'],
    ]
    // It makes temporary folders beside its profile, too, and leaves them behind.
    const env = { ...process.env, TMPDIR: this.#profile }
    this.#process = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    // Both are pipes, as was asked for.
    this.#to = this.#process.stdio[3] as Writable
    const from = this.#process.stdio[4] as Readable
    from.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
    this.#process.once('exit', (code, signal) => this.#giveUp(`the browser ended: ${code ?? signal}`))
    this.#process.once('error', (error) => this.#giveUp(error.message))
  }

  /** Opens a page in a fresh tab, and waits until it is loaded. */
  async open(url: string, colours: 'light' | 'dark' = 'light', width = 1200): Promise<void> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true })
    this.#session = String(sessionId)
    for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await this.#send(`${domain}.enable`)
    await this.#send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: colours }] })
    await this.#send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false })
    this.requests.length = 0
    this.complaints.length = 0
    const loaded = new Promise<void>((resolve) => this.#listeners.set('Page.loadEventFired', resolve))
    await this.#send('Page.navigate', { url })
    await loaded
  }

  /** What an expression is in the page, as JSON carries it. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value?: unknown }).value
  }

  /** A picture of the whole page, or of one element, as PNG. */
  async picture(selector = 'html'): Promise<Buffer> {
    const box = await this.evaluate(
      `(({ x, y, width, height }) => ({ x: x + scrollX, y: y + scrollY, width, height }))(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
    )
    const clip = { ...(box as object), scale: 1 }
    const { data } = await this.#send('Page.captureScreenshot', { clip, captureBeyondViewport: true })
    return Buffer.from(String(data), 'base64')
  }

  async press(key: string): Promise<void> {
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, windowsVirtualKeyCode: 9 })
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, windowsVirtualKeyCode: 9 })
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await ended
    }
    // Its other processes notice a little later.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 })
  }

  #send(method: string, params: object = {}): Promise<Answer> {
    this.#sent += 1
    const id = this.#sent
    const session = this.#session === undefined ? {} : { sessionId: this.#session }
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#to.write(`${JSON.stringify({ id, method, params, ...session })}\0`)
    })
  }

  #receive(text: string): void {
    const parts = (this.#received + text).split('\0')
    this.#received = parts.pop() ?? ''
    // The protocol's own messages.
    for (const part of parts) this.#take(JSON.parse(part) as Message)
  }

  #take({ id, method, params, result, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result ?? {})
      else waiting?.reject(new Error(error.message))
      return
    }
    if (method === undefined) return
    if (method === 'Network.requestWillBeSent') {
      this.requests.push(String((params?.['request'] as { url?: unknown } | undefined)?.url))
    }
    const isComplaint =
      method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded' || method === 'Runtime.consoleAPICalled'
    if (isComplaint) this.complaints.push(JSON.stringify(params))
    this.#listeners.get(method)?.()
  }

  #giveUp(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(why))
    this.#waiting.clear()
  }
}
