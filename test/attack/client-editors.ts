// Honest editors that use what applications use: our client, and the stock provider.
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { canonicalState } from '../helpers/states.js'
import type { Editor, EditorPlace, Measured } from './editor.js'

function typeInto(doc: Y.Doc): void {
  const text = doc.getText('t')
  text.insert(text.length, 'k')
}

function clockOf(doc: Y.Doc): number {
  return Y.getState(doc.store, doc.clientID)
}

export class OurEditor implements Editor {
  readonly place: EditorPlace
  readonly #doc = new Y.Doc()
  readonly #connection: WeftConnection
  readonly #session: DocumentSession
  /** Since when something is unsaved; null when nothing is. */
  #waitingSinceMs: number | null = null
  #acknowledged = 0
  #measured: Measured = { delaysMs: [], disconnections: 0, told: [] }

  constructor(place: EditorPlace) {
    this.place = place
    this.#doc.clientID = place.clientId
    this.#connection = connect(place.url, { WebSocket })
    this.#session = this.#connection.open(place.documentId, this.#doc)
    let online = false
    this.#session.on('status', (status) => {
      const wasOnline = online
      online = status.state === 'saved' || status.state === 'saving'
      if (!wasOnline || online) return
      this.#measured.disconnections += 1
      this.#measured.told.push(`our client: ${JSON.stringify(status)}`)
    })
    this.#session.on('unsaved', () => this.#look())
  }

  type(): void {
    this.#waitingSinceMs ??= performance.now()
    typeInto(this.#doc)
  }

  measured(): Measured {
    const measured = this.#measured
    this.#measured = { delaysMs: [], disconnections: 0, told: [] }
    if (this.#waitingSinceMs !== null) measured.delaysMs.push(performance.now() - this.#waitingSinceMs)
    return measured
  }

  isSaved(): boolean {
    return this.#session.status.state === 'saved'
  }

  acknowledgedClock(): number {
    return this.#acknowledged
  }

  state(): string {
    return canonicalState(this.#doc)
  }

  end(): void {
    void this.#connection.close()
  }

  #look(): void {
    if (this.#session.unsaved > 0 || this.#waitingSinceMs === null) return
    this.#measured.delaysMs.push(performance.now() - this.#waitingSinceMs)
    this.#waitingSinceMs = null
    this.#acknowledged = clockOf(this.#doc)
  }
}

/** Is told of no acknowledgement: what counts is that it stays connected, and that it has the same as the others in the end. */
export class StockEditor implements Editor {
  readonly place: EditorPlace
  readonly #doc = new Y.Doc()
  readonly #provider: WebsocketProvider
  #measured: Measured = { delaysMs: [], disconnections: 0, told: [] }

  constructor(place: EditorPlace) {
    this.place = place
    this.#doc.clientID = place.clientId
    this.#provider = new WebsocketProvider(place.url, place.documentId, this.#doc, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    this.#provider.on('connection-close', (event) => {
      this.#measured.disconnections += 1
      this.#measured.told.push(`stock: ${event?.code ?? 0} ${event?.reason ?? ''}`)
    })
  }

  type(): void {
    typeInto(this.#doc)
  }

  measured(): Measured {
    const measured = this.#measured
    this.#measured = { delaysMs: [], disconnections: 0, told: [] }
    return measured
  }

  isSaved(): boolean {
    return this.#provider.synced
  }

  acknowledgedClock(): number {
    return 0
  }

  state(): string {
    return canonicalState(this.#doc)
  }

  end(): void {
    this.#provider.destroy()
  }
}
