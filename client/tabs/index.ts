// The tabs of one browser that have the same document open tell each other what is edited and where the cursors are, without the server: at once, and also while
// it is away.
//
// Each tab still submits what it has: what several submit the server writes once, and a tab's `saved` goes on to mean all that the tab knows of.
import { type Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { WeftConnection } from '../connection.js'
import type { DocumentSession } from '../document-session.js'

/** What of a BroadcastChannel is used. */
export interface TabChannel {
  postMessage(message: unknown): void
  close(): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
}

export interface TabsOptions {
  /** Tabs with another key are not told anything: the user's id, say, where several may sign in at once. Default: none. */
  readonly key?: string
  /** Default: the platform's BroadcastChannel; where there is none, nothing is shared. */
  readonly open?: (name: string) => TabChannel | null
}

/** `hello` says what a tab has, and asks for what it lacks: all others, or the one that has just said it. Tabs go by the client ids of their documents. */
type Told =
  | { readonly kind: 'hello'; readonly from: number; readonly to: number | null; readonly stateVector: Uint8Array }
  | { readonly kind: 'update'; readonly to: number | null; readonly update: Uint8Array }
  | { readonly kind: 'awareness'; readonly update: Uint8Array }

interface AwarenessChange {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/** Made by `shareBetweenTabs`. Edits of other tabs are applied in transactions with it as their origin. */
export class Tabs {
  readonly #session: DocumentSession<Awareness | null>
  readonly #channel: TabChannel | null
  #closed = false

  /** @internal */
  constructor(connection: WeftConnection, session: DocumentSession<Awareness | null>, { key = '', open = platformChannel }: TabsOptions) {
    this.#session = session
    const channel = open(`weft:${JSON.stringify([connection.url, key, session.documentId])}`)
    this.#channel = channel
    if (channel === null) return
    channel.onmessage = ({ data }) => {
      if (isTold(data)) this.#heard(data)
    }
    const { doc, awareness } = session
    doc.on('update', this.#edited)
    doc.on('destroy', this.#left)
    awareness?.on('update', this.#moved)
    if (typeof document === 'object') document.addEventListener('visibilitychange', this.#shown)
    if (typeof addEventListener === 'function') addEventListener('pagehide', this.#hidden)
    this.#hello(null)
  }

  /** Stops, and takes this tab's cursor from the other tabs' view, where the server does not say that it is there. Idempotent. */
  close(): void {
    if (this.#closed || this.#channel === null) return
    this.#closed = true
    const { doc, awareness } = this.#session
    doc.off('update', this.#edited)
    doc.off('destroy', this.#left)
    awareness?.off('update', this.#moved)
    if (typeof document === 'object') document.removeEventListener('visibilitychange', this.#shown)
    if (typeof removeEventListener === 'function') removeEventListener('pagehide', this.#hidden)
    this.#hidden()
    this.#channel.onmessage = null
    this.#channel.close()
  }

  /** Of a document that this client may not write, or that the server refused, nothing is taken from other tabs, which this one would have to submit. */
  get #takes(): boolean {
    return this.#session.permission !== 'read-only' && this.#session.status.state !== 'refused'
  }

  #tell(told: Told): void {
    this.#channel?.postMessage(told)
  }

  #hello(to: number | null): void {
    const { doc, awareness } = this.#session
    this.#tell({ kind: 'hello', from: doc.clientID, to, stateVector: Y.encodeStateVector(doc) })
    if (awareness !== null && awareness.getLocalState() !== null) this.#tellOwnState(awareness)
  }

  #tellOwnState(awareness: Awareness): void {
    this.#tell({ kind: 'awareness', update: encodeAwarenessUpdate(awareness, [awareness.clientID]) })
  }

  #heard(told: Told): void {
    const { doc, awareness } = this.#session
    switch (told.kind) {
      case 'hello':
        if (told.to !== null && told.to !== doc.clientID) return
        if (this.#session.status.state !== 'refused') {
          this.#tell({ kind: 'update', to: told.from, update: Y.encodeStateAsUpdate(doc, told.stateVector) })
        }
        if (told.to === null) this.#hello(told.from)
        return
      case 'update':
        if (this.#takes && (told.to === null || told.to === doc.clientID)) Y.applyUpdate(doc, told.update, this)
        return
      case 'awareness':
        if (awareness !== null) applyAwarenessUpdate(awareness, told.update, this)
        return
    }
  }

  readonly #edited = (update: Uint8Array, origin: unknown): void => {
    // What came from the server the other tabs get from there, too.
    if (origin !== this && origin !== this.#session && this.#session.status.state !== 'refused')
      this.#tell({ kind: 'update', to: null, update })
  }

  readonly #moved = ({ added, updated, removed }: AwarenessChange): void => {
    const { awareness } = this.#session
    if (awareness !== null && [...added, ...updated, ...removed].includes(awareness.clientID)) this.#tellOwnState(awareness)
  }

  /** A tab that was frozen has missed what was told meanwhile. */
  readonly #shown = (): void => {
    if (document.visibilityState === 'visible') this.#hello(null)
  }

  /** The page may come back, out of the browser's back/forward cache. */
  readonly #hidden = (): void => {
    const { awareness } = this.#session
    if (awareness === null || !awareness.meta.has(awareness.clientID)) return
    this.#tell({ kind: 'awareness', update: encodeAwarenessUpdate(awareness, [awareness.clientID], new Map()) })
  }

  readonly #left = (): void => this.close()
}

function platformChannel(name: string): TabChannel | null {
  return typeof BroadcastChannel === 'function' ? (new BroadcastChannel(name) as TabChannel) : null
}

function isTold(data: unknown): data is Told {
  if (typeof data !== 'object' || data === null) return false
  const { kind, update, stateVector } = data as Record<string, unknown>
  return kind === 'hello' ? stateVector instanceof Uint8Array : (kind === 'update' || kind === 'awareness') && update instanceof Uint8Array
}

/** Shares a session's document and awareness with the other tabs of this browser that do the same, until its document is destroyed, the page is left, or `close()`. */
export function shareBetweenTabs(connection: WeftConnection, session: DocumentSession<Awareness | null>, options: TabsOptions = {}): Tabs {
  return new Tabs(connection, session, options)
}
