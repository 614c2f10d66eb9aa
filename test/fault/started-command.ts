// `weft` as a process that may be killed before its end.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const mainFile = fileURLToPath(new URL('../../weft/main.js', import.meta.url))

export class StartedCommand {
  readonly #child: ChildProcess
  #output = ''
  /** Its exit code; null if it was killed. */
  readonly ended: Promise<number | null>

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [mainFile, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
    })
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null)
  }

  /** What it wrote to stderr. */
  get output(): string {
    return this.#output
  }

  /** With SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
