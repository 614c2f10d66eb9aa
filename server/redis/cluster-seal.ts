// What makes a cluster's frames and names its own on a Redis that others can reach too: names that follow from its identity, and a proof on
// everything that is said. Who has Redis but not the secret can drop and repeat what is said, and cannot make it up.
import { createHmac, timingSafeEqual } from 'node:crypto'

const MARK_BYTES = 16
const TAG_CHARACTERS = 12

export class ClusterSeal {
  /** Part of the names of all channels and keys. Says nothing about the secret. */
  readonly tag: string
  readonly #key: Buffer

  /** `clusterId` tells clusters apart that were given the same secret. */
  constructor(secret: string, clusterId: string) {
    const derive = (purpose: string): Buffer => createHmac('sha256', secret).update(`weft redis ${purpose}\n${clusterId}`).digest()
    this.tag = derive('names').toString('hex').slice(0, TAG_CHARACTERS)
    this.#key = derive('frames')
  }

  /** The bytes with a mark behind them that vouches for them in this place. */
  seal(place: string, bytes: Uint8Array): Buffer {
    return Buffer.concat([bytes, this.#mark(place, bytes)])
  }

  /** The bytes as they were sealed, a view; null if nobody who knows the secret said this here. */
  open(place: string, sealed: Uint8Array): Uint8Array | null {
    const end = sealed.length - MARK_BYTES
    if (end < 0) return null
    const bytes = sealed.subarray(0, end)
    return timingSafeEqual(sealed.subarray(end), this.#mark(place, bytes)) ? bytes : null
  }

  /** As `seal`, for text: the mark in front, in hexadecimal. */
  sealText(place: string, text: string): string {
    return this.#mark(place, Buffer.from(text)).toString('hex') + text
  }

  openText(place: string, sealed: string): string | null {
    const mark = Buffer.from(sealed.slice(0, 2 * MARK_BYTES), 'hex')
    const text = sealed.slice(2 * MARK_BYTES)
    return mark.length === MARK_BYTES && timingSafeEqual(mark, this.#mark(place, Buffer.from(text))) ? text : null
  }

  #mark(place: string, bytes: Uint8Array): Buffer {
    // The length of the place first, so that no place and bytes run into each other.
    const placeBytes = Buffer.from(place)
    return createHmac('sha256', this.#key)
      .update(`${placeBytes.length}\n`)
      .update(placeBytes)
      .update(bytes)
      .digest()
      .subarray(0, MARK_BYTES)
  }
}
