// Yjs updates made by hand: a writer that types one character after another, without a document.
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { inspectUpdate, storedBounds } from '../protocol/updates/inspect.js'

export class Typist {
  readonly clientId: number
  #clock = 0

  constructor(clientId: number) {
    this.clientId = clientId
  }

  /** The clock of the next keystroke. */
  get clock(): number {
    return this.#clock
  }

  /** How far an update brings what this writer typed; 0 if it has nothing of it. */
  clockIn(update: Uint8Array): number {
    const block = inspectUpdate(update, storedBounds).blocks.find(({ client }) => client === this.clientId)
    return block?.endClock ?? 0
  }

  /** One keystroke: the text type `body` gets one more character, after this writer's last one. */
  keystroke(): Uint8Array {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, this.clientId)
    encoding.writeVarUint(encoder, this.#clock)
    if (this.#clock === 0) {
      // A string whose parent is the root type of that name.
      encoding.writeUint8(encoder, 4)
      encoding.writeVarUint(encoder, 1)
      encoding.writeVarString(encoder, 'body')
    } else {
      // A string with a left origin.
      encoding.writeUint8(encoder, 4 | 0x80)
      encoding.writeVarUint(encoder, this.clientId)
      encoding.writeVarUint(encoder, this.#clock - 1)
    }
    encoding.writeVarString(encoder, 'x')
    encoding.writeVarUint(encoder, 0)
    this.#clock++
    return encoding.toUint8Array(encoder)
  }
}

/** A document of at least `bytes`, as people edit one: small insertions and deletions by several authors, mostly near each other. */
export function makeDocument(bytes: number): { readonly update: Uint8Array; readonly stateVector: Uint8Array } {
  const doc = new Y.Doc()
  const text = doc.getText('body')
  let position = 0
  let inserted = 0
  // An insertion costs about 31 bytes, so the encoding is worth looking at only near the end.
  while (inserted * 30 < bytes || Y.encodeStateAsUpdate(doc).length < bytes) {
    // One document can play several authors one after another.
    doc.clientID = 1000 + (inserted % 7)
    doc.transact(() => {
      for (let index = 0; index < 50; index++) {
        text.insert(position, `word${index} `)
        inserted++
        position += 4
        if (index % 5 === 0 && position > 20) text.delete(position - 10, 3)
      }
    })
    position = inserted % 1000 === 0 ? Math.floor(text.length / 3) : Math.max(0, position - 120)
  }
  return { update: Y.encodeStateAsUpdate(doc), stateVector: Y.encodeStateVector(doc) }
}
