// People at work on a cluster: writers and watchers on random nodes, every edit a token that can be found again, and the time of every
// acknowledgement.
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WebSocketConstructor, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { ServerProcess } from '../helpers/server-process.js'

/** A socket that was closed, for whatever reason, unless the client itself wanted it. */
export interface SocketClose {
  /** The node's URL, as `ServerProcess.webSocketUrl` has it. */
  readonly node: string
  readonly code: number
}

/** The load balancer of the tests: gives each new socket to a node, whatever the URL's host says. */
export class NodeChooser {
  readonly closes: SocketClose[] = []
  readonly #choose: () => ServerProcess
  readonly #addressOf: (node: ServerProcess) => string

  constructor(choose: () => ServerProcess, addressOf: (node: ServerProcess) => string = (node) => node.webSocketUrl) {
    this.#choose = choose
    this.#addressOf = addressOf
  }

  /** A WebSocket class for our client and for stock ones. `place` is told which node each new socket goes to. */
  socketClass(place: { node: ServerProcess | null } = { node: null }): WebSocketConstructor {
    const choose = this.#choose
    const addressOf = this.#addressOf
    const { closes } = this
    return class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        const chosen = choose()
        place.node = chosen
        const node = chosen.webSocketUrl
        const { pathname, search } = new URL(url)
        super(`${addressOf(chosen)}${pathname}${search}`, protocols)
        let opened = false
        this.on('open', () => {
          opened = true
        })
        this.on('close', (code) => {
          if (opened && code !== 1000 && code !== 1005) closes.push({ node, code })
        })
      }
    } as unknown as WebSocketConstructor
  }
}

export interface Edit {
  readonly token: string
  readonly typedAt: number
  /** `performance.now()` of the acknowledgement; null until then, and for ever with clients whose protocol has none. */
  acknowledgedAt: number | null
}

export function tokensOf(doc: Y.Doc): string[] {
  return doc.getArray<string>('tokens').toArray()
}

/** One client on one document. */
export abstract class Writer {
  readonly name: string
  readonly documentId: string
  readonly doc = new Y.Doc()
  readonly edits: Edit[] = []

  constructor(name: string, documentId: string) {
    this.name = name
    this.documentId = documentId
  }

  type(random: Random): Edit {
    const edit: Edit = { token: `${this.name}.${this.edits.length + 1}`, typedAt: performance.now(), acknowledgedAt: null }
    this.edits.push(edit)
    const tokens = this.doc.getArray<string>('tokens')
    const scratch = this.doc.getText('scratch')
    this.doc.transact(() => {
      tokens.insert(random.below(tokens.length + 1), [edit.token])
      scratch.insert(random.below(scratch.length + 1), 'x'.repeat(1 + random.below(20)))
      if (scratch.length > 200) scratch.delete(random.below(100), 100)
    })
    return edit
  }

  /** Tokens of others that this client was shown. What was broadcast is committed (D2). */
  seen(): string[] {
    return tokensOf(this.doc).filter((token) => !token.startsWith(`${this.name}.`))
  }
}

/** One connection of our client. */
interface Desk {
  readonly connection: WeftConnection
  readonly place: { node: ServerProcess | null }
}

export class SdkWriter extends Writer {
  readonly session: DocumentSession
  /** How long the session was out of step, each time it was. */
  readonly reconnectsMs: number[] = []
  readonly #place: { readonly node: ServerProcess | null }
  #lostAt: number | null = null

  constructor(name: string, documentId: string, { connection, place }: Desk, problems: string[]) {
    super(name, documentId)
    this.#place = place
    this.session = connection.open(documentId, this.doc)
    this.session.on('status', (status) => {
      if (status.state === 'refused') problems.push(`O4: ${name} was refused on ${documentId}: ${status.code} ${status.reason}`)
      if (status.state === 'offline') this.#lostAt ??= performance.now()
      else if (this.#lostAt !== null && (status.state === 'saving' || status.state === 'saved')) {
        this.reconnectsMs.push(performance.now() - this.#lostAt)
        this.#lostAt = null
      }
    })
  }

  /** The node that its socket is on, or that it last tried. */
  get node(): ServerProcess | null {
    return this.#place.node
  }

  override type(random: Random): Edit {
    const edit = super.type(random)
    this.session.saved().then(
      () => {
        edit.acknowledgedAt = performance.now()
      },
      () => {},
    )
    return edit
  }
}

class StockWriter extends Writer {
  readonly provider: WebsocketProvider

  constructor(name: string, documentId: string, socketClass: WebSocketConstructor) {
    super(name, documentId)
    this.provider = new WebsocketProvider('ws://cluster.test', encodeURIComponent(documentId), this.doc, {
      WebSocketPolyfill: socketClass as unknown as typeof globalThis.WebSocket,
      disableBc: true,
      maxBackoffTime: 200,
    })
  }
}

export interface LoadOptions {
  readonly random: Random
  /** The first is the busiest: everybody is on it. */
  readonly documentIds: readonly string[]
  /** Nodes that new sockets may go to. */
  readonly nodes: () => readonly ServerProcess[]
  /** How clients reach a node, `ws://host:port`; without it at the node's own address. */
  readonly addressOf?: (node: ServerProcess) => string
  /** Connections of our client, and of stock clients. */
  readonly connections: number
  readonly stockClients: number
  /** Between two edits, on average. */
  readonly pauseMs: number
}

/** A client on a lossy network should notice in the time of a test; the defaults (25 s + 10 s) are for the internet. */
export const impatient = {
  backoff: { baseMs: 20, capMs: 250 },
  heartbeat: { periodMs: 1_000, answerMsMax: 1_500 },
  logger: silentLogger,
} as const

export class ClusterLoad {
  readonly chooser: NodeChooser
  readonly writers: readonly SdkWriter[]
  readonly stock: readonly StockWriter[]
  /** What must never happen: refusals. */
  readonly problems: string[] = []
  readonly documentIds: readonly string[]
  readonly #desks: readonly Desk[]
  readonly #random: Random
  readonly #pauseMs: number
  #timer: NodeJS.Timeout | null = null

  constructor(options: LoadOptions) {
    const { random, documentIds, nodes, connections, stockClients, pauseMs } = options
    this.#random = random
    this.#pauseMs = pauseMs
    this.documentIds = documentIds
    this.chooser = new NodeChooser(() => {
      const candidates = nodes()
      const chosen = candidates[random.below(candidates.length)]
      if (chosen === undefined) throw new Error('There is no node to connect to.')
      return chosen
    }, options.addressOf)
    this.#desks = Array.from({ length: connections }, () => {
      const place = { node: null }
      const connection = connect('ws://cluster.test', { ...impatient, WebSocket: this.chooser.socketClass(place), random })
      return { connection, place }
    })
    const [busiest = '', ...others] = documentIds
    this.writers = this.#desks.flatMap((desk, index) =>
      [busiest, ...others.filter((_, other) => (other + index) % 3 === 0)].map(
        (documentId) => new SdkWriter(`sdk-${index}-${documentIds.indexOf(documentId)}`, documentId, desk, this.problems),
      ),
    )
    this.stock = Array.from({ length: stockClients }, (_, index) => {
      const documentId = documentIds[index % 2 === 0 ? 0 : index % documentIds.length] ?? busiest
      return new StockWriter(`stock-${index}`, documentId, this.chooser.socketClass())
    })
  }

  get everybody(): readonly Writer[] {
    return [...this.writers, ...this.stock]
  }

  get edits(): number {
    return this.everybody.reduce((sum, writer) => sum + writer.edits.length, 0)
  }

  /** Acknowledged edits, of one document or of all. */
  acknowledged(documentId?: string): number {
    let sum = 0
    for (const writer of this.writers) {
      if (documentId !== undefined && writer.documentId !== documentId) continue
      for (const { acknowledgedAt } of writer.edits) if (acknowledgedAt !== null) sum++
    }
    return sum
  }

  async ready(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.session.synced))
  }

  startTyping(): void {
    if (this.#timer !== null) return
    const turn = (): void => {
      // Every other edit goes to the busiest document, one in ten through a stock client.
      const group: readonly Writer[] = this.#random.below(10) === 0 && this.stock.length > 0 ? this.stock : this.writers
      const busiest = group.filter((writer) => writer.documentId === this.documentIds[0])
      const candidates = this.#random.below(2) === 0 && busiest.length > 0 ? busiest : group
      candidates[this.#random.below(candidates.length)]?.type(this.#random)
      this.#timer = setTimeout(turn, this.#random.below(2 * this.#pauseMs))
    }
    turn()
  }

  stopTyping(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Types one edit with each of our writers of a document now, and answers how long each took until its acknowledgement, in milliseconds. */
  async editEverywhere(documentId: string, sinceMs: number, limitMs: number): Promise<number[]> {
    const writers = this.writers.filter((writer) => writer.documentId === documentId)
    return Promise.all(
      writers.map(async (writer) => {
        writer.type(this.#random)
        await bounded(writer.session.saved(), limitMs, () => `${writer.name} on ${documentId} was not saved (${describe(writer.session)})`)
        return performance.now() - sinceMs
      }),
    )
  }

  /** One of our writers replaces a long text in the document; resolves with how long that took until its acknowledgement, in milliseconds. */
  async paste(documentId: string, characters: number, limitMs: number): Promise<number> {
    const writers = this.writers.filter((candidate) => candidate.documentId === documentId)
    const writer = writers[this.#random.below(writers.length)]
    if (writer === undefined) throw new Error(`Nobody writes in ${documentId}.`)
    const sinceMs = performance.now()
    const pasted = writer.doc.getText('pasted')
    writer.doc.transact(() => {
      pasted.delete(0, pasted.length)
      pasted.insert(0, 'p'.repeat(characters))
    })
    await bounded(writer.session.saved(), limitMs, () => `${writer.name} on ${documentId} was not saved (${describe(writer.session)})`)
    return performance.now() - sinceMs
  }

  /** Resolves when everything typed through our client is acknowledged. */
  async saved(limitMs: number): Promise<void> {
    await Promise.all(
      this.writers.map((writer) =>
        bounded(
          writer.session.saved(),
          limitMs,
          () => `${writer.name} on ${writer.documentId} was not saved (${describe(writer.session)})`,
        ),
      ),
    )
  }

  async close(): Promise<void> {
    this.stopTyping()
    for (const { provider, doc } of this.stock) {
      provider.destroy()
      doc.destroy()
    }
    await Promise.all(this.#desks.map(({ connection }) => connection.close()))
  }
}

function describe(session: DocumentSession): string {
  return `${JSON.stringify(session.status)}, ${session.unsaved} unsaved`
}

/** Rejects with `what` when the promise has not settled within `limitMs`. */
export async function bounded<Value>(promise: Promise<Value>, limitMs: number, what: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${limitMs} ms: ${what()}`)), limitMs)
  })
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
