// Counts the answers that clients have not taken yet against the memory budget (G8), by socket: of requests that were sent one behind the
// other, the later answers hear nothing when their socket is gone.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { MemoryAccount } from '../../core/memory-budget.js'

export class HeldAnswers {
  readonly #memory: MemoryAccount
  readonly #bytes = new Map<Socket, number>()

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  get bytes(): number {
    return this.#memory.bytes
  }

  /** An answer of so many bytes is about to be sent. */
  hold({ socket }: IncomingMessage, response: ServerResponse, bytes: number): void {
    if (socket.destroyed) return
    if (!this.#bytes.has(socket)) socket.once('close', () => this.#forget(socket))
    this.#bytes.set(socket, (this.#bytes.get(socket) ?? 0) + bytes)
    this.#memory.add(bytes)
    response.once('close', () => this.#release(socket, bytes))
  }

  #release(socket: Socket, bytes: number): void {
    const held = this.#bytes.get(socket)
    // A socket that has closed takes all its answers with it: none of them is held any more.
    if (held === undefined) return
    this.#memory.add(-bytes)
    this.#bytes.set(socket, held - bytes)
  }

  #forget(socket: Socket): void {
    this.#memory.add(-(this.#bytes.get(socket) ?? 0))
    this.#bytes.delete(socket)
  }
}
