// A file among the temporary ones that has no name any more: it is gone with whoever holds it, also when this process is killed.
import type { ReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { WeftError } from '../../../core/errors.js'

export class UnnamedFile {
  readonly #handle: FileHandle
  #bytes = 0

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** Rejects with `store-full`. */
  static async create(): Promise<UnnamedFile> {
    const folder = await withRoom(() => mkdtemp(path.join(tmpdir(), 'weft-body-')))
    try {
      return new UnnamedFile(await withRoom(() => open(path.join(folder, 'body'), 'w+')))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** How long it is. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds to its end. Rejects with `store-full`. */
  async write(piece: Uint8Array): Promise<void> {
    for (let offset = 0; offset < piece.length; ) {
      const from = offset
      const { bytesWritten } = await withRoom(() => this.#handle.write(piece, from, piece.length - from, this.#bytes))
      offset += bytesWritten
      this.#bytes += bytesWritten
    }
  }

  /** All of it, from the beginning; may be asked for again. */
  stream(): ReadStream {
    return this.#handle.createReadStream({ start: 0, autoClose: false })
  }

  /** All of it in memory. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const whole = new Uint8Array(this.#bytes)
    for (let offset = 0; offset < whole.length; ) {
      const { bytesRead } = await this.#handle.read(whole, offset, whole.length - offset, offset)
      if (bytesRead === 0) throw new Error('A temporary file is shorter than what was written to it.')
      offset += bytesRead
    }
    return whole
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function withRoom<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown
    const message = `There is no room for the body of the request in ${tmpdir()}; free space there, or set TMPDIR.`
    throw new WeftError('store-full', message, { cause: thrown })
  }
}
