// A default server as a process of its own, as somebody would attack it: its output goes to a file, so that nothing that reads slowly holds it up, and
// what it holds in memory is read from the system, its children included.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const ownMain = fileURLToPath(new URL('../../weft/main.js', import.meta.url))
const startMsMax = 60_000
const stopMsMax = 30_000

/** Anonymous bytes: what a process holds for itself, without pages of files that the kernel has mapped. */
export interface Held {
  readonly own: number
  /** By the processes that it started: a compaction has a bound of its own beside the server's. */
  readonly children: number
}

/** Null when the process is gone. */
export function heldBy(pid: number): Held | null {
  const own = anonymousOf(pid)
  return own === null ? null : { own, children: childrenOf(pid).reduce((held, child) => held + (anonymousOf(child) ?? 0), 0) }
}

function anonymousOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1')
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
  } catch {
    return null
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

export interface AttackedServerOptions {
  /** The command line to attack; without it the one that was built beside this file. */
  readonly main?: string | undefined
  readonly flags?: readonly string[]
  /** Where its data is; without it a new temporary folder. */
  readonly dataFolder?: string | undefined
}

export class AttackedServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-attacked-'))
  readonly #options: AttackedServerOptions
  #child: ChildProcess | null = null
  #port = 0
  #starts = 0
  /** Processes that ended without having been told to. */
  deaths = 0

  private constructor(options: AttackedServerOptions) {
    this.#options = options
  }

  static async start(options: AttackedServerOptions = {}): Promise<AttackedServer> {
    const server = new AttackedServer(options)
    await server.start()
    return server
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  get dataFolder(): string {
    return this.#options.dataFolder ?? join(this.folder, 'data')
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  get #logFile(): string {
    return join(this.folder, `output-${this.#starts}.log`)
  }

  /** What the process that runs, or ran last, has written. */
  get outputBytes(): number {
    return statSync(this.#logFile).size
  }

  get output(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  /** The last lines that it wrote: why it ended, when it did. */
  lastWords(): string {
    return this.output.slice(-1_500)
  }

  /** Starts it, on the same port and data as before. Rejects with what it wrote when it does not listen. */
  async start(): Promise<void> {
    this.#starts += 1
    const log = openSync(this.#logFile, 'w')
    const { main = ownMain, flags = [] } = this.#options
    const args = [main, 'serve', '--host', '127.0.0.1', '--port', String(this.#port), '--data', this.dataFolder, ...flags]
    const child = spawn(process.execPath, args, { stdio: ['ignore', log, log] })
    closeSync(log)
    const killWithParent = (): void => void child.kill('SIGKILL')
    process.once('exit', killWithParent)
    this.#child = child
    child.once('exit', () => {
      process.off('exit', killWithParent)
      if (this.#child !== child) return
      this.#child = null
      this.deaths += 1
    })
    const deadline = performance.now() + startMsMax
    for (;;) {
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(this.output)?.[1]
      if (port !== undefined && /listens on/.test(this.output)) {
        this.#port = Number(port)
        return
      }
      if (this.#child !== child) throw new Error(`The server ended before it listened:\n${this.lastWords()}`)
      if (performance.now() > deadline) throw new Error(`The server did not listen within ${startMsMax} ms:\n${this.lastWords()}`)
      await sleep(20)
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#child = null
    const gone = once(child, 'exit')
    child.kill(signal)
    const tooLate = setTimeout(() => void child.kill('SIGKILL'), stopMsMax)
    await gone
    clearTimeout(tooLate)
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** One of its counters or gauges; null when it does not answer within 5 s. */
  async metric(name: string): Promise<number | null> {
    try {
      const response = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(5_000) })
      const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await response.text())?.[1]
      return value === undefined ? null : Number(value)
    } catch {
      return null
    }
  }
}
