// A small server for tests of the client, on a ClientNetwork: keeps documents in memory, with their log, and acknowledges when told.
import * as Y from 'yjs'
import type { KnownOnWire, WeftClientMessage, WeftServerMessage } from '../../protocol/dialects/weft.js'
import type { ClientNetwork, ServerEnd } from './client-network.js'

interface StoredDocument {
  doc: Y.Doc
  incarnation: string
  log: Uint8Array[]
}

interface Channel {
  readonly end: ServerEnd
  readonly channel: number
  readonly documentId: string
  submitted: number
  synced: boolean
  parts: Uint8Array[]
}

type Refusal = Extract<WeftServerMessage, { readonly type: 'closed' }>

export class ScriptedServer {
  readonly documents = new Map<string, StoredDocument>()
  /** False: sockets are left unanswered, as by a server that hangs. */
  accepts = true
  acknowledges: 'at once' | 'by hand' = 'at once'
  /** True: a document is opened, and its state does not come. */
  holdsState = false
  permission: 'read-write' | 'read-only' = 'read-write'
  messageBytesMax = 16 * 1024 * 1024
  /** Asked for every submission; a refusal is sent instead of taking it. */
  refuses: (update: Uint8Array) => Omit<Refusal, 'type' | 'channel'> | null = () => null
  #channels: Channel[] = []
  #lives = 0

  constructor(network: ClientNetwork) {
    network.onSocket((end) => {
      if (!this.accepts) return
      end.onMessage((message) => this.#receive(end, message))
      end.open()
    })
  }

  document(documentId: string): StoredDocument {
    let document = this.documents.get(documentId)
    if (document === undefined) {
      this.#lives += 1
      document = { doc: new Y.Doc({ gc: false }), incarnation: `life-${this.#lives}`, log: [] }
      this.documents.set(documentId, document)
    }
    return document
  }

  text(documentId: string): string {
    return this.document(documentId).doc.getText('body').toString()
  }

  /** Writes like another client. */
  write(documentId: string, update: Uint8Array, writer: Channel | null = null): void {
    const document = this.document(documentId)
    Y.applyUpdate(document.doc, update)
    document.log.push(update)
    for (const { end, channel, synced } of this.#open(documentId)) {
      // The real one sends the author's own large edits in pieces; here the seq is enough.
      const isLargeEcho = writer?.end === end && writer.channel === channel && update.length > 16 * 1024
      if (synced) end.send({ type: 'update', channel, seq: document.log.length, update: isLargeEcho ? Uint8Array.of(0, 0) : update })
    }
  }

  /** Acknowledges what was submitted so far. */
  acknowledge(documentId: string): void {
    for (const { end, channel, submitted } of this.#open(documentId)) {
      end.send({ type: 'acknowledged', channel, through: submitted, seq: this.document(documentId).log.length })
    }
  }

  /** Sends a message to each open channel of a document. */
  tell(documentId: string, message: (channel: number) => WeftServerMessage): void {
    for (const { end, channel } of this.#open(documentId)) end.send(message(channel))
  }

  #open(documentId: string): Channel[] {
    return this.#channels.filter((channel) => channel.documentId === documentId)
  }

  #receive(end: ServerEnd, message: WeftClientMessage): void {
    switch (message.type) {
      case 'hello':
        end.send({ type: 'welcome', serverId: 'scripted', messageBytesMax: this.messageBytesMax, pingPeriodMs: 25_000 })
        return
      case 'ping':
        end.send({ type: 'pong' })
        return
      case 'open':
        this.#answerOpen(end, message)
        return
      case 'close':
        this.#channels = this.#channels.filter((channel) => channel.end !== end || channel.channel !== message.channel)
        return
      case 'sync':
        this.#answerSync(end, message)
        return
      case 'part':
        this.#channels.find((open) => open.end === end && open.channel === message.channel)?.parts.push(message.bytes)
        return
      case 'submit':
        this.#submit(end, message)
        return
      default:
        return
    }
  }

  #answerOpen(end: ServerEnd, { channel, documentId, known }: Extract<WeftClientMessage, { readonly type: 'open' }>): void {
    const { doc, incarnation, log } = this.document(documentId)
    const opened: Channel = { end, channel, documentId, submitted: 0, synced: !this.holdsState, parts: [] }
    this.#channels.push(opened)
    const seq = log.length
    end.send({ type: 'opened', channel, incarnation, seq, stateVector: Y.encodeStateVector(doc), permission: this.permission })
    if (!this.holdsState) end.send({ type: 'state', channel, seq, updates: this.#missing(documentId, known) })
  }

  #answerSync(end: ServerEnd, { channel, known }: Extract<WeftClientMessage, { readonly type: 'sync' }>): void {
    const from = this.#channels.find((open) => open.end === end && open.channel === channel)
    if (from === undefined) return
    const updates = this.#missing(from.documentId, known)
    end.send({ type: 'state', channel, seq: this.document(from.documentId).log.length, updates })
  }

  #missing(documentId: string, known: KnownOnWire): readonly Uint8Array[] {
    const { doc, incarnation, log } = this.document(documentId)
    if (known.kind === 'seq' && known.incarnation === incarnation && known.seq <= log.length) return log.slice(known.seq)
    return [known.kind === 'nothing' ? Y.encodeStateAsUpdate(doc) : Y.encodeStateAsUpdate(doc, known.stateVector)]
  }

  #submit(end: ServerEnd, { channel, submission, update: rest }: Extract<WeftClientMessage, { readonly type: 'submit' }>): void {
    const from = this.#channels.find((open) => open.end === end && open.channel === channel)
    if (from === undefined) return
    from.submitted = submission
    const update = Uint8Array.from(Buffer.concat([...from.parts.splice(0), rest]))
    const refusal = this.refuses(update)
    if (refusal !== null) {
      end.send({ type: 'refused', channel, submission, ...refusal })
      return
    }
    this.write(from.documentId, update, from)
    if (this.acknowledges === 'at once')
      end.send({ type: 'acknowledged', channel, through: submission, seq: this.document(from.documentId).log.length })
  }
}
