// A Weft server as a process of its own, for tests that kill, stop and restart it. Runs the server compiled beside this file.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('../../weft/main.js', import.meta.url))
const listeningLine = /Weft listens on (http:\/\/\S+)/
const startMsMax = 60_000
const stopMsMax = 20_000
/** Between a kill and a restart another socket of the machine may be given the port for a moment. */
const restartAttemptsMax = 20

export interface ServerProcessOptions {
  /** The data folder; without it a new temporary one, removed by `dispose`. */
  readonly dataFolder?: string
  /** Where it listens; without it on any free port. */
  readonly port?: number
  /** Further flags after `serve --host --port --data`. */
  readonly flags?: readonly string[]
  /** Further environment variables. */
  readonly environment?: Readonly<Record<string, string>>
  /** Another script than the product's command line, and its arguments for a port where these are others. It must print the same listening line. */
  readonly script?: { readonly file: string; readonly arguments?: (port: number) => readonly string[] }
  /** Flags of Node itself, such as `--cpu-prof`. */
  readonly nodeFlags?: readonly string[]
}

export class ServerProcess {
  readonly dataFolder: string
  readonly #options: ServerProcessOptions
  readonly #ownsFolder: boolean
  #child: ChildProcess | null = null
  #port = 0
  #exitCode: number | null = null
  #output = ''

  private constructor(options: ServerProcessOptions, dataFolder: string) {
    this.#options = options
    this.#ownsFolder = options.dataFolder === undefined
    this.#port = options.port ?? 0
    this.dataFolder = dataFolder
  }

  /** Starts a server on a free port of 127.0.0.1 and resolves when it listens. Rejects with its output if it ends or stays silent. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(options, options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'weft-data-'))))
    try {
      await server.#spawn()
    } catch (error) {
      await server.dispose()
      throw error
    }
    return server
  }

  get port(): number {
    return this.#port
  }

  /** `http://127.0.0.1:port`, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** `ws://127.0.0.1:port`, without a slash at the end. */
  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  /** The process id; throws when the process is not running. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('The server is not running.')
    return pid
  }

  get running(): boolean {
    return this.#child !== null
  }

  /** Of the last process that ended by itself or was ended; null if a signal ended it. */
  get exitCode(): number | null {
    return this.#exitCode
  }

  /** All that it wrote to stdout and stderr, over all its starts. */
  get output(): string {
    return this.#output
  }

  /** Sends a signal without waiting for anything: SIGSTOP and SIGCONT, for example. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Ends the process with SIGKILL and resolves when it is gone. Does nothing when it is not running. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends the process with SIGTERM and resolves with its exit code when it is gone, null if a signal ended it or it was not running. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  /** Starts it again on the same port and data folder, after `kill` or `stop`. */
  async restart(): Promise<void> {
    if (this.#child !== null) throw new Error('The server is still running.')
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#spawn()
        return
      } catch (error) {
        const portTaken = error instanceof Error && /address-in-use|EADDRINUSE|already in use/.test(error.message)
        if (!portTaken || attempt === restartAttemptsMax) throw error
      }
    }
  }

  /** Kills the process if it runs, and removes the data folder if `start` made it. */
  async dispose(): Promise<void> {
    await this.kill()
    if (this.#ownsFolder) await rm(this.dataFolder, { recursive: true, force: true })
  }

  #spawn(): Promise<void> {
    const { nodeFlags = [], flags = [], environment = {}, script } = this.#options
    const serve = ['serve', '--host', '127.0.0.1', '--port', String(this.#port), '--data', this.dataFolder, ...flags]
    const args = [...nodeFlags, script?.file ?? mainFile, ...(script?.arguments?.(this.#port) ?? serve)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    this.#child = child
    const killWithParent = (): void => void child.kill('SIGKILL')
    process.once('exit', killWithParent)
    // What it wrote before it listened; null from then on.
    let text: string | null = ''

    return new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        clearTimeout(tooLate)
        child.kill('SIGKILL')
        reject(new Error(`${what}; it wrote:\n${text ?? ''}`))
      }
      const tooLate = setTimeout(() => fail(`The server did not listen within ${startMsMax} ms`), startMsMax)
      const read = (chunk: string): void => {
        this.#output += chunk
        if (text === null) return
        text += chunk
        const url = listeningLine.exec(text)?.[1]
        if (url === undefined) return
        clearTimeout(tooLate)
        this.#port = Number(new URL(url).port)
        text = null
        resolve()
      }
      child.stdout.setEncoding('utf8').on('data', read)
      child.stderr.setEncoding('utf8').on('data', read)
      child.once('error', (error) => fail(`The server could not be started (${error.message})`))
      // 'close' comes after the last output, so that the message has all of it.
      child.once('close', (code, signal) => {
        process.off('exit', killWithParent)
        if (this.#child === child) this.#child = null
        this.#exitCode = code
        fail(`The server ended before it listened (${signal ?? `exit code ${code}`})`)
      })
    })
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child === null) return null
    const closed = once(child, 'close')
    child.kill(signal)
    // A stopped process would never see SIGTERM.
    child.kill('SIGCONT')
    const tooLate = setTimeout(() => void child.kill('SIGKILL'), stopMsMax)
    await closed
    clearTimeout(tooLate)
    return child.exitCode
  }
}
