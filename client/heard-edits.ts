// Hears of every edit of a Y.Doc, and of what a listener that threw kept from being heard.
import type * as Y from 'yjs'
import { releaseEvents } from './document-content.js'

export interface HeardEditsEvents {
  edited(update: Uint8Array, origin: unknown): void
  /** The document did not tell of something that changed: it has to be looked for. */
  missed(): void
}

export class HeardEdits {
  readonly #doc: Y.Doc
  readonly #events: HeardEditsEvents
  #state: 'listening' | 'check queued' | 'stopped' = 'listening'

  constructor(doc: Y.Doc, events: HeardEditsEvents) {
    this.#doc = doc
    this.#events = events
    doc.on('beforeTransaction', this.#onTransaction)
    doc.on('update', this.#onUpdate)
  }

  /** Idempotent. */
  stop(): void {
    this.#state = 'stopped'
    this.#doc.off('beforeTransaction', this.#onTransaction)
    this.#doc.off('update', this.#onUpdate)
  }

  readonly #onTransaction = (): void => {
    if (this.#state !== 'listening') return
    this.#state = 'check queued'
    queueMicrotask(() => {
      if (this.#state === 'stopped') return
      this.#state = 'listening'
      if (releaseEvents(this.#doc)) this.#events.missed()
    })
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => this.#events.edited(update, origin)
}
