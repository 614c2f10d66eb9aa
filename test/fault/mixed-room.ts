// One room with clients of every dialect and transport, each of which types edits that can be found again, and knows which of them it was told are saved.
import WebSocket from 'ws'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type TransportName } from '../../client/index.js'
import type { Random } from '../../core/random.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { eventually } from '../helpers/states.js'
import { impatient, tokensOf } from './cluster-load.js'

export const kinds = ['weft over a WebSocket', 'weft over SSE', 'weft over long polls', 'y-websocket', 'Hocuspocus'] as const
export type Kind = (typeof kinds)[number]

/** Where a client goes when it connects, and with each of its requests: `http://host:port`. */
export type Address = () => string

interface Provider {
  readonly awareness: Awareness
  /** Calls back each time that everything typed before is said to be saved; never, where the protocol does not say it. */
  onSaved(saved: () => void): void
  close(): Promise<void>
}

export class Guest {
  readonly name: string
  readonly kind: Kind
  readonly doc = new Y.Doc()
  /** Tokens that this client was told are saved. */
  readonly saved = new Set<string>()
  readonly typed: string[] = []
  readonly #provider: Provider

  constructor(name: string, kind: Kind, documentId: string, address: Address, random: Random) {
    this.name = `${name} (${kind})`
    this.kind = kind
    this.#provider = provide(kind, documentId, this.doc, address, random)
    this.#provider.onSaved(() => {
      for (const token of this.typed) this.saved.add(token)
    })
  }

  get awareness(): Awareness {
    return this.#provider.awareness
  }

  type(random: Random): void {
    const token = `${this.name}.${this.typed.length + 1}`
    const tokens = this.doc.getArray<string>('tokens')
    const scratch = this.doc.getText('scratch')
    // Before the edit, of which Hocuspocus' provider may count at once.
    this.typed.push(token)
    this.doc.transact(() => {
      tokens.insert(random.below(tokens.length + 1), [token])
      scratch.insert(random.below(scratch.length + 1), 'x'.repeat(1 + random.below(20)))
      if (scratch.length > 200) scratch.delete(random.below(100), 100)
    })
  }

  /** Tokens of others that it was shown. */
  get seen(): string[] {
    return tokensOf(this.doc).filter((token) => !token.startsWith(`${this.name}.`))
  }

  async close(): Promise<void> {
    await this.#provider.close()
    this.doc.destroy()
  }
}

function provide(kind: Kind, documentId: string, doc: Y.Doc, address: Address, random: Random): Provider {
  switch (kind) {
    case 'weft over a WebSocket':
      return weft('websocket', documentId, doc, address, random)
    case 'weft over SSE':
      return weft('sse', documentId, doc, address, random)
    case 'weft over long polls':
      return weft('poll', documentId, doc, address, random)
    case 'y-websocket':
      return stock(documentId, doc, address)
    case 'Hocuspocus':
      return hocuspocus(documentId, doc, address)
  }
}

function weft(transport: TransportName, documentId: string, doc: Y.Doc, address: Address, random: Random): Provider {
  const connection = connect('http://balancer.test', {
    ...impatient,
    random,
    transports: [transport],
    WebSocket: socketTo(address) as never,
    fetch: (input, init) => fetch(moved(String(input), address), init),
  })
  const session = connection.open(documentId, doc)
  return {
    awareness: session.awareness,
    onSaved: (saved) => void session.on('status', ({ state }) => state === 'saved' && saved()),
    close: () => connection.close(),
  }
}

function stock(documentId: string, doc: Y.Doc, address: Address): Provider {
  const provider = new WebsocketProvider('ws://balancer.test', encodeURIComponent(documentId), doc, {
    WebSocketPolyfill: socketTo(address) as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 200,
  })
  return { awareness: provider.awareness, onSaved: () => {}, close: async () => provider.destroy() }
}

function hocuspocus(documentId: string, doc: Y.Doc, address: Address): Provider {
  const socket = providerSocket(4, 'ws://balancer.test', socketTo(address))
  const provider = socket.open(documentId, { document: doc })
  if (provider.awareness === null) throw new Error("Hocuspocus' provider has no awareness.")
  return {
    awareness: provider.awareness,
    onSaved: (saved) => provider.on('unsyncedChanges', () => provider.unsyncedChanges === 0 && saved()),
    close: async () => socket.destroy(),
  }
}

/** A WebSocket that goes where its client is sent to when it is opened. */
function socketTo(address: Address): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(moved(url, address).replace(/^http/, 'ws'), protocols)
    }
  } as typeof WebSocket
}

function moved(url: string, address: Address): string {
  const { pathname, search } = new URL(url)
  return `${address()}${pathname}${search}`
}

/** What is in a room of guests, and whether that is right. */
export class Room {
  readonly guests: readonly Guest[]
  readonly #random: Random
  #timer: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null

  constructor(guests: readonly Guest[], random: Random) {
    this.guests = guests
    this.#random = random
  }

  /** Everybody types, until the returned function is called. */
  typing(): () => void {
    const turn = (): void => {
      this.guests[this.#random.below(this.guests.length)]?.type(this.#random)
      this.#timer = setTimeout(turn, this.#random.below(16))
    }
    turn()
    return () => {
      if (this.#timer !== null) clearTimeout(this.#timer)
    }
  }

  /** Guests of each kind that were told that something is saved, of those kinds that can be. */
  get acknowledgedKinds(): Kind[] {
    return kinds.filter((kind) => this.guests.some((guest) => guest.kind === kind && guest.saved.size > 0))
  }

  /** What somebody was told is saved, or was shown of others, and `stored` lacks. */
  lost(stored: Y.Doc): string[] {
    const there = new Set(tokensOf(stored))
    return this.guests.flatMap((guest) => [
      ...[...guest.saved].filter((token) => !there.has(token)).map((token) => `${token} was saved`),
      ...guest.seen.filter((token) => !there.has(token)).map((token) => `${token} was shown to ${guest.name}`),
    ])
  }

  /** Resolves when everybody has everything that anybody typed, each edit once. */
  async converged(limitMs: number): Promise<void> {
    const all = this.guests.flatMap(({ typed }) => typed).sort()
    await eventually(
      'everybody has everything',
      () =>
        this.guests.every(
          ({ doc }) =>
            tokensOf(doc).length === all.length &&
            tokensOf(doc)
              .sort()
              .every((token, index) => token === all[index]),
        ),
      limitMs,
    )
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    await Promise.all(this.guests.map((guest) => guest.close()))
    // Providers say goodbye in the next turn, and go on trying where the server has gone before that.
    await new Promise((resolve) => setImmediate(resolve))
  }
}
