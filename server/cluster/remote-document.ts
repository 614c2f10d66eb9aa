// A document that another node owns, as this node's sessions see it: a read replica in bytes, which serves joins and resyncs, and a forwarder of what
// they submit. One channel to the owner, however many sessions are here.
//
// Invariants: the replica holds everything through the last message of the channel. A session that is live has had everything that it holds, or it
// waits in the next beat (S6). An acknowledgement is passed on only when the owner has given it (D1).
import { unreachable } from '../../core/assert.js'
import { WeftError } from '../../core/errors.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Attachment, AttachRequest, Known, PieceWish } from '../document/port.js'
import { type AttachmentOwner, SessionAttachment } from '../document/view/attachment.js'
import { CatchUps } from '../document/view/catch-up.js'
import { DocumentMemory } from '../document/view/document-memory.js'
import { type SessionSlot, SessionSlots } from '../document/view/session-slots.js'
import { ForwardWindow } from './forward-window.js'
import { Forwarded } from './forwarded.js'
import { LinkTraces } from './link-traces.js'
import { errorFromWire, linkLost } from './links/link-errors.js'
import type { Channel, ChannelEvents, ChannelMessage, NodeLink } from './links/node-link.js'
import { PacedUpdates } from './paced-updates.js'
import { Replica } from './replica.js'
import type { ClusterServices } from './services.js'
import { UnusedReplica } from './unused-replica.js'

export interface RemoteDocumentOptions extends Omit<ClusterServices, 'random'> {
  readonly documentId: string
  readonly link: NodeLink
  /** The log behind the replica's base, for sessions that come back. */
  readonly store: Pick<DocumentStore, 'readLog'>
  /** The channel is kept this long after the last session has gone. */
  readonly idleMs: number
  /** The document is over, for whatever reason. Called exactly once. */
  readonly ended: () => void
}

type DocumentState =
  | { readonly kind: 'opening' }
  /** `opened` has come, the state has not. */
  | { readonly kind: 'loading'; readonly incarnation: string }
  | { readonly kind: 'open'; readonly incarnation: string; refresh: 'none' | 'asked' }
  | { readonly kind: 'ended'; readonly error: WeftError }

export class RemoteDocument implements AttachmentOwner, ChannelEvents {
  readonly documentId: string
  readonly link: NodeLink
  readonly #options: RemoteDocumentOptions
  readonly #channel: Channel
  readonly #replica: Replica
  readonly #sessions: SessionSlots
  readonly #catchUps: CatchUps
  readonly #forwarded = new Forwarded()
  /** Null: nothing is followed. */
  readonly #traces: LinkTraces | null
  readonly #memory: DocumentMemory
  readonly #opened: Promise<void>
  #settleOpened: (error: WeftError | null) => void = () => {}
  #state: DocumentState = { kind: 'opening' }
  readonly #window: ForwardWindow
  readonly #updates: PacedUpdates
  readonly #unused: UnusedReplica

  /** Opens the channel. Throws `owner-moved` if the link has ended. */
  constructor(options: RemoteDocumentOptions) {
    const { documentId, link, logger } = options
    this.#options = options
    this.documentId = documentId
    this.link = link
    this.#opened = new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error === null ? resolve() : reject(error))
    })
    // Every waiting attach gets the rejection by itself.
    this.#opened.catch(() => {})
    this.#replica = new Replica()
    this.#sessions = new SessionSlots(documentId, logger, () => {
      this.#measureMemory()
      this.#unused.check()
    })
    this.#window = new ForwardWindow(options.limits.pendingBytesPerDocumentMax, (held) => this.#sessions.setPaused(held))
    this.#memory = new DocumentMemory(options.budget, this.#replica.image, () => this.#replica.knownBytes)
    const replica = this.#replica
    const incarnation = (): string => this.incarnation
    this.#catchUps = new CatchUps({
      documentId,
      environment: options,
      image: replica.image,
      sessions: this.#sessions,
      get resumableIncarnation() {
        return incarnation()
      },
      beyondImage: null,
      get resumableSeq() {
        return replica.seq
      },
      stateVector: () => replica.stateVector(),
    })
    this.#traces = options.traces ? new LinkTraces(options.traces) : null
    this.#updates = new PacedUpdates({
      ...options,
      sessionCount: () => this.#sessions.size,
      send: (update) => {
        this.#sessions.broadcast({ seq: this.#replica.seq, update, frames: new Map() })
        this.#traces?.shown(this.#sessions.size)
      },
    })
    this.#unused = new UnusedReplica({
      ...options,
      isUnused: () => this.#state.kind === 'open' && this.#sessions.size === 0 && this.#forwarded.empty,
      isEmpty: () => this.#replica.seq === 0,
      giveUp: () => this.end(new WeftError('owner-moved', 'The document was closed because nobody used it.')),
    })
    this.#channel = link.open(documentId, this)
    // This node wants to hear of updates that are followed, to say when it has shown them.
    if (options.traces) this.#channel.send({ type: 'trace', context: '' })
  }

  get incarnation(): string {
    return this.#state.kind === 'open' || this.#state.kind === 'loading' ? this.#state.incarnation : ''
  }

  get durableSeq(): number {
    return this.#replica.seq
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Resolves when the replica is there. Rejects with why it ended, or `too-many-sessions`. */
  async attach(request: AttachRequest): Promise<Attachment> {
    await this.#opened
    if (this.#state.kind === 'ended') throw this.#state.error
    const { sessionsPerDocumentMax } = this.#options.limits
    if (this.#sessions.size >= sessionsPerDocumentMax)
      throw new WeftError('too-many-sessions', `This document already has ${sessionsPerDocumentMax} sessions; try again later.`)
    this.#unused.cancel()
    const attachment = new SessionAttachment(this, this.#sessions.add(request))
    this.#measureMemory()
    return attachment
  }

  /** Ends the document: its sessions are detached with `error`. Idempotent. */
  end(error: WeftError): void {
    if (this.#state.kind === 'ended') return
    this.#state = { kind: 'ended', error }
    this.#channel.close()
    this.#traces?.lost()
    this.#updates.cancel()
    this.#unused.cancel()
    this.#settleOpened(error)
    this.#sessions.detachAll(error)
    this.#memory.release()
    this.#options.ended()
  }

  // For the attachments.

  stateVector(): Uint8Array {
    return this.#replica.stateVector()
  }

  submit(session: SessionSlot, submission: number, bytes: Uint8Array, user: string | null): void {
    if (session.state.kind === 'detached' || this.#state.kind === 'ended') return
    const number = this.#forwarded.add(session, submission, bytes.length)
    this.#channel.submit(number, bytes, user, this.#traces?.forwarded(number, bytes) ?? null)
    this.#window.setBytes(this.#forwarded.bytes)
  }

  sync(session: SessionSlot, known: Known, pieces: PieceWish | null): void {
    if (session.state.kind !== 'detached') this.#catchUps.sync(session, known, pieces)
  }

  suspend(session: SessionSlot): void {
    if (session.state.kind !== 'detached') session.state = { kind: 'suspended' }
  }

  detach(session: SessionSlot): void {
    this.#sessions.remove(session)
  }

  // What the channel says.

  message(message: ChannelMessage): void {
    try {
      this.#take(message)
      this.#measureMemory()
    } catch (thrown) {
      this.#options.logger.error({ documentId: this.documentId, err: thrown }, 'A replica could not take what its owner sent')
      this.end(new WeftError('internal', 'The document had to be closed on this node; it has been logged why.', { cause: thrown }))
    }
  }

  full(full: boolean): void {
    this.#window.setLinkFull(full)
  }

  lost(error: WeftError): void {
    this.end(error)
  }

  #take(message: ChannelMessage): void {
    if (this.#state.kind === 'ended') return
    switch (message.type) {
      case 'opened':
        if (this.#state.kind === 'opening') this.#state = { kind: 'loading', incarnation: message.incarnation }
        return
      case 'state':
        this.#stateCame(message.seq, message.updates)
        return
      case 'update':
        this.#append(message.seq, message.update)
        return
      case 'trace':
        // Without sessions nothing is shown.
        if (this.#sessions.size > 0) this.#traces?.arrived(message.context)
        return
      case 'acknowledged':
        for (const [session, through] of this.#forwarded.acknowledge(message.through))
          this.#sessions.acknowledge(session, through, message.seq)
        this.#traces?.acknowledged(message.through, message.seq)
        this.#answered()
        return
      case 'refused': {
        const refused = this.#forwarded.refuse(message.submission)
        this.#traces?.refused(message.submission, message.code)
        if (refused !== null) this.#sessions.refuse(refused.session, refused.submission, errorFromWire(message))
        this.#answered()
        return
      }
      case 'closed':
        // A node that stops has handed its documents over; which node has them now is for the directory to find out.
        this.end(message.code === 'draining' ? linkLost(this.link.address.nodeId) : errorFromWire(message))
        return
      // None of these is for links between nodes.
      case 'piece':
      case 'awareness':
      case 'permission':
      case 'expires':
      case 'message':
      case 'notice':
        return
      default:
        unreachable(message)
    }
  }

  #stateCame(seq: number, updates: readonly Uint8Array[]): void {
    const state = this.#state
    switch (state.kind) {
      case 'loading':
        this.#replica.load(seq, updates)
        this.#state = { kind: 'open', incarnation: state.incarnation, refresh: 'none' }
        this.#settleOpened(null)
        return
      case 'open': {
        const { unknown, everything } = this.#replica.update(seq, updates, state.refresh === 'asked')
        if (everything) state.refresh = 'none'
        this.#updates.add(unknown)
        return
      }
      case 'opening':
        throw new Error(`Node ${this.link.address.nodeId} sent the state of a document before it was opened.`)
      case 'ended':
        return
      default:
        unreachable(state)
    }
  }

  #append(seq: number, update: Uint8Array): void {
    const state = this.#state
    if (state.kind !== 'open') throw new Error(`Node ${this.link.address.nodeId} sent an update before the state.`)
    this.#replica.append(seq, update)
    this.#updates.add([update])
    if (state.refresh === 'asked' || !this.#replica.outgrown) return
    state.refresh = 'asked'
    this.#channel.send({ type: 'sync', known: { kind: 'nothing' } })
  }

  #measureMemory(): void {
    if (this.#state.kind !== 'ended') this.#memory.measure(this.#sessions.size)
  }

  #answered(): void {
    this.#window.setBytes(this.#forwarded.bytes)
    this.#unused.check()
  }
}
