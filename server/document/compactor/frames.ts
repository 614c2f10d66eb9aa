// Messages between the server and a process that compacts, over pipes: a JSON header with its length in front, then byte arrays whose
// lengths it names. Pieces are written as they lie in memory and read into buffers of their final size, so that neither side copies a
// document in one go.

interface Header {
  readonly message: unknown
  /** Lengths of the byte arrays that follow. */
  readonly lengths: readonly number[]
}

const LENGTH_BYTES = 4
const HEADER_BYTES_MAX = 16 * 1024 * 1024

/** The pieces of one frame, in order. `message` must be JSON. */
export function frameOf(message: unknown, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const header: Header = { message, lengths: parts.map((part) => part.length) }
  const encoded = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(encoded.length)
  return [length, encoded, ...parts.filter((part) => part.length > 0)]
}

export type Frame = { readonly message: unknown; readonly parts: readonly Uint8Array[] }

/** Puts frames together out of chunks of any size. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  #header: Header | null = null
  /** What is being filled: the length, the header, and then the parts. */
  #filling: Uint8Array = new Uint8Array(LENGTH_BYTES)
  #filled = 0
  #stage: 'length' | 'header' | 'parts' = 'length'
  #parts: Uint8Array[] = []

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Throws if what comes is no frame. */
  push(chunk: Uint8Array): void {
    let offset = 0
    while (offset < chunk.length) {
      const taken = Math.min(chunk.length - offset, this.#filling.length - this.#filled)
      this.#filling.set(chunk.subarray(offset, offset + taken), this.#filled)
      this.#filled += taken
      offset += taken
      if (this.#filled === this.#filling.length) this.#complete()
    }
  }

  #complete(): void {
    const bytes = this.#filling
    this.#filled = 0
    switch (this.#stage) {
      case 'length': {
        const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE()
        if (length === 0 || length > HEADER_BYTES_MAX) throw new Error(`A frame has a header of ${length} bytes.`)
        this.#stage = 'header'
        this.#filling = new Uint8Array(length)
        return
      }
      case 'header':
        this.#header = JSON.parse(Buffer.from(bytes).toString()) as Header
        this.#stage = 'parts'
        this.#parts = []
        break
      case 'parts':
        this.#parts.push(bytes)
        break
    }
    this.#nextPart()
  }

  #nextPart(): void {
    const header = this.#header as Header
    while (this.#parts.length < header.lengths.length) {
      const length = header.lengths[this.#parts.length] as number
      this.#filling = new Uint8Array(length)
      if (length > 0) return
      this.#parts.push(this.#filling)
    }
    const frame = { message: header.message, parts: this.#parts }
    this.#stage = 'length'
    this.#filling = new Uint8Array(LENGTH_BYTES)
    this.#header = null
    this.#parts = []
    this.#onFrame(frame)
  }
}
