// The body of a request, as it comes: what is large goes to a file without a name, and is in memory only while it is dealt with, counted
// against the memory budget (G8).
import { createHash } from 'node:crypto'
import { WeftError } from '../../../core/errors.js'
import { type MemoryBudget, MemoryCharge } from '../../../core/memory-budget.js'
import { UnnamedFile } from './unnamed-file.js'

/** What of a body waits in memory until all of it is there. */
const WAITING_BYTES_MAX = 256 * 1024

export class ReceivedBody {
  readonly #source: AsyncIterable<Uint8Array> | null
  readonly #budget: MemoryBudget
  readonly #charge: MemoryCharge
  readonly #hash = createHash('sha256')
  #digest: string | null = null
  #file: UnnamedFile | null = null
  #bytes: Promise<Uint8Array<ArrayBuffer>> | null = null

  /** `source` is null for a request without a body. */
  constructor(source: AsyncIterable<Uint8Array> | null, budget: MemoryBudget) {
    this.#source = source
    this.#budget = budget
    this.#charge = new MemoryCharge(budget.account('received'))
  }

  /** All of it; the same each time. Rejects with `overloaded` where there is no memory for it, and with `store-full`. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.#bytes ??= this.#whole()
    return this.#bytes
  }

  /** All of it as a file, which is closed with this. To be asked for once, and not beside `bytes`. Rejects with `document-too-large` and `store-full`. */
  async file(bytesMax: number): Promise<UnnamedFile> {
    const file = await UnnamedFile.create()
    this.#file = file
    await this.#eachPiece(async (piece) => {
      if (file.bytes + piece.length > bytesMax)
        throw new WeftError('document-too-large', `The body is longer than ${bytesMax} bytes, which is the most that is read.`)
      await file.write(piece)
    })
    return file
  }

  /** SHA-256 of all of it, as hex. Rejects as `bytes` does, unless all of it has come. */
  async digest(): Promise<string> {
    if (this.#digest === null) await this.bytes()
    // Whoever has all of it has its digest.
    return this.#digest as unknown as string
  }

  /** The request was answered. Idempotent. */
  async release(): Promise<void> {
    this.#charge.set(0)
    const file = this.#file
    this.#file = null
    await file?.close()
  }

  async #whole(): Promise<Uint8Array<ArrayBuffer>> {
    const waiting: Uint8Array[] = []
    let bytes = 0
    await this.#eachPiece(async (piece) => {
      bytes += piece.length
      if (this.#file === null && bytes <= WAITING_BYTES_MAX) {
        this.#hold(bytes)
        waiting.push(piece)
        return
      }
      if (this.#file === null) {
        this.#file = await UnnamedFile.create()
        for (const earlier of waiting.splice(0)) await this.#file.write(earlier)
        this.#charge.set(0)
      }
      await this.#file.write(piece)
    })
    if (this.#file === null) return new Uint8Array(Buffer.concat(waiting))
    this.#hold(bytes)
    return this.#file.read()
  }

  /** Of a refused body the rest is read and dropped: a client that is still sending hears no answer. Unless it is longer than anything may be. */
  async #eachPiece(take: (piece: Uint8Array) => Promise<void>): Promise<void> {
    let refusal: unknown = null
    for await (const piece of this.#source ?? []) {
      if (refusal !== null) continue
      try {
        await take(piece)
        this.#hash.update(piece)
      } catch (thrown) {
        if (thrown instanceof WeftError && thrown.code === 'document-too-large') throw thrown
        refusal = thrown
      }
    }
    if (refusal !== null) throw refusal
    this.#digest = this.#hash.digest('hex')
  }

  #hold(bytes: number): void {
    if (!this.#budget.hasRoomFor(bytes))
      throw new WeftError('overloaded', 'The server has no memory left for the body of this request; send it again later.')
    this.#charge.set(bytes)
  }
}
