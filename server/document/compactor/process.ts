// A place for compactions that may cost much: a process of its own for each. Whatever it takes, it takes there; at its bound it ends, and
// nothing else does.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WeftError } from '../../../core/errors.js'
import type { DecodingCost } from '../../../protocol/updates/decoding-cost.js'
import { childEnvironment } from './child-environment.js'
import { FrameReader } from './frames.js'
import type { CompactionAnswer, CompactionPlace, CompactionRequest } from './place.js'
import { answerIn, EXIT_TOO_MUCH_MEMORY, requestFrame } from './process-messages.js'

const MiB = 1024 * 1024

export class CompactionProcess implements CompactionPlace {
  readonly lasting = false
  readonly #memoryBytesMax: number
  readonly #child: ChildProcess
  readonly #ended: Promise<string>

  constructor(memoryBytesMax: number) {
    this.#memoryBytesMax = memoryBytesMax
    const heapMb = Math.ceil(memoryBytesMax / MiB)
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMb}`, fileURLToPath(new URL('./process-entry.js', import.meta.url)), String(memoryBytesMax)],
      { env: childEnvironment(), stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true },
    )
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => resolve(`it could not be started: ${error.message}`))
      child.on('close', (code, signal) => resolve(this.#causeOf(code, signal)))
    })
    // When the process has ended its pipes break, which is no further news: its end is told elsewhere.
    child.stdin?.on('error', () => {})
    child.stdout?.on('error', () => {})
  }

  ask(request: CompactionRequest, costed: (cost: DecodingCost) => void): Promise<CompactionAnswer> {
    const { stdin, stdout } = this.#child
    return new Promise<CompactionAnswer>((resolve, reject) => {
      void this.#ended.then((cause) => reject(new WeftError('internal', `The process that compacts a document ended: ${cause}.`)))
      const reader = new FrameReader((frame) => {
        const message = answerIn(frame)
        if (message.kind === 'cost') costed(message.cost)
        else resolve(message)
      })
      stdout?.on('data', (chunk: Buffer) => {
        try {
          reader.push(chunk)
        } catch (thrown) {
          reject(new WeftError('internal', 'The process that compacts a document answered with something else.', { cause: thrown }))
        }
      })
      for (const piece of requestFrame(request)) stdin?.write(piece)
    })
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #causeOf(code: number | null, signal: NodeJS.Signals | null): string {
    const outOfMemory = code === EXIT_TOO_MUCH_MEMORY || signal === 'SIGABRT' || signal === 'SIGTRAP' || signal === 'SIGILL'
    if (outOfMemory) return `it would have taken more than ${this.#memoryBytesMax} bytes of memory`
    return signal === null ? `exit code ${code}` : `signal ${signal}`
  }
}
