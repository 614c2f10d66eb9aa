// Stands between one connection of a server and its socket, reads along, and compares what the server says with what is on the disk.
import { strict as assert } from 'node:assert'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { decodeAwareness, isRemoval, parseState } from '../../protocol/awareness.js'
import {
  decodeWeftClient,
  decodeWeftServer,
  type KnownOnWire,
  type WeftClientMessage,
  type WeftServerMessage,
} from '../../protocol/dialects/weft.js'
import { decodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import type { Ledger } from './ledger.js'

/** What the server promised to do. */
export interface Expectations {
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly limits: Limits
  /** Whether each row is sent by itself, or several may be merged on their way from the owner. */
  readonly beats: 'rows' | 'merged'
}

/** What was neither acknowledged nor refused yet. */
export interface Submitted {
  readonly documentId: string
  readonly submissions: Map<number, Uint8Array>
  /** Of the next submission. */
  readonly parts: Uint8Array[]
}

interface Channel extends Submitted {
  /** What the client has once it has read everything sent so far; null until that is known. */
  known: KnownOnWire | null
  /** As the server named it when it opened the channel. */
  incarnation: string
  /** Of the last catch-up or update. */
  seq: number | null
  /** Everything that was sent on this channel. */
  readonly sent: KnownState
}

export abstract class Witness {
  readonly ledger: Ledger
  readonly expectations: Expectations
  /** Updates that the server has received and neither acknowledged nor refused, as far as the dialect says. */
  abstract unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[]

  constructor(ledger: Ledger, expectations: Expectations) {
    this.ledger = ledger
    this.expectations = expectations
  }

  /** The server received a message. */
  abstract received(bytes: Uint8Array): void
  /** The server sends a message; `waitingBytes` is what waited before it. Throws for what it should not say. */
  abstract sending(bytes: Uint8Array, waitingBytes: number): void
  /** Documents of this connection. */
  abstract documentIds(): readonly string[]

  /** G2. `waitingBytes` includes the newest message. */
  checkBuffered(waitingBytes: number): void {
    const { outboxBytesHigh } = this.expectations.limits
    let bound = 0
    // Up to the mark, what may not be left out past it, and one catch-up that passed it.
    for (const documentId of this.documentIds()) bound += 5 * outboxBytesHigh + 2 * this.ledger.bytes(documentId) + 4096
    assert.ok(waitingBytes <= Math.max(bound, 4096), `G2: ${waitingBytes} bytes wait for one client, more than ${bound}`)
  }

  protected checkDurable(documentId: string, update: Uint8Array, what: string): void {
    if (this.expectations.broadcast === 'before-commit') return
    assert.ok(this.ledger.holds(documentId, update), `D2: ${what} of ${documentId} is not on the disk`)
  }

  protected keepSubmitted(channel: Submitted | undefined, message: Extract<WeftClientMessage, { readonly type: 'part' | 'submit' }>): void {
    if (message.type === 'part') channel?.parts.push(message.bytes)
    else channel?.submissions.set(message.submission, Buffer.concat([...channel.parts.splice(0), message.update]))
  }

  protected checkAcknowledged({ documentId, submissions }: Submitted, through: number): void {
    for (const [submission, update] of submissions) {
      if (submission > through) continue
      submissions.delete(submission)
      assert.ok(this.ledger.holds(documentId, update), `D1: submission ${submission} to ${documentId} is acknowledged and not on the disk`)
    }
  }

  /** A3. The outbox counts messages; on the socket they have headers too, at most as large as the smallest of them. */
  protected checkFlowing(waitingBytes: number): void {
    assert.ok(waitingBytes <= 2 * this.expectations.limits.outboxBytesHigh, 'A3: awareness is sent to a client that lags')
  }

  protected checkAwareness(update: Uint8Array): void {
    for (const entry of decodeAwareness(update)) {
      if (isRemoval(entry)) continue
      const state = parseState(entry.state) as { readonly id: number }
      assert.equal(state.id, entry.clientId, `A2: client ${state.id} speaks for client ${entry.clientId}`)
    }
  }
}

export class YWebsocketWitness extends Witness {
  readonly #documentId: string
  #unsettled: Uint8Array[] = []

  constructor(ledger: Ledger, expectations: Expectations, documentId: string) {
    super(ledger, expectations)
    this.#documentId = documentId
  }

  documentIds(): readonly string[] {
    return [this.#documentId]
  }

  unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[] {
    return this.#unsettled.map((update) => ({ documentId: this.#documentId, update }))
  }

  received(bytes: Uint8Array): void {
    const message = decodeYWebsocket(bytes)
    if (message.type !== 'update' && message.type !== 'sync-step-2') return
    this.#unsettled = this.#unsettled.filter((update) => !this.ledger.holds(this.#documentId, update))
    this.#unsettled.push(message.update)
  }

  sending(bytes: Uint8Array, waitingBytes: number): void {
    const message = decodeYWebsocket(bytes)
    switch (message.type) {
      case 'update':
        this.checkDurable(this.#documentId, message.update, 'an update')
        return
      case 'sync-step-2':
        this.checkDurable(this.#documentId, message.update, 'a catch-up')
        return
      case 'awareness':
        this.checkAwareness(message.update)
        this.checkFlowing(waitingBytes)
        return
      default:
    }
  }
}

export class WeftWitness extends Witness {
  readonly #channels = new Map<number, Channel>()
  #openedCount = 0
  /** Of channels that are closed, of which something may wait to be sent. */
  #leaving: string[] = []

  documentIds(): readonly string[] {
    return [...Array.from(this.#channels.values(), ({ documentId }) => documentId), ...this.#leaving]
  }

  unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[] {
    return Array.from(this.#channels.values()).flatMap(({ documentId, submissions }) =>
      Array.from(submissions.values(), (update) => ({ documentId, update })),
    )
  }

  received(bytes: Uint8Array): void {
    const message = decodeWeftClient(bytes)
    switch (message.type) {
      case 'open':
        this.#openedCount += 1
        this.#channels.set(message.channel, {
          documentId: message.documentId,
          known: message.known,
          incarnation: '',
          seq: null,
          sent: new KnownState(),
          submissions: new Map(),
          parts: [],
        })
        return
      case 'part':
      case 'submit':
        this.keepSubmitted(this.#channels.get(message.channel), message)
        return
      case 'close':
        this.#close(message.channel)
        return
      default:
    }
  }

  sending(bytes: Uint8Array, waitingBytes: number): void {
    const message = decodeWeftServer(bytes)
    if (waitingBytes === 0) this.#leaving = []
    if (!('channel' in message)) return
    const channel = this.#channels.get(message.channel)
    // Closed by the client; what was under way may still be sent.
    if (channel === undefined) return
    switch (message.type) {
      case 'opened':
        this.#opened(channel, message)
        return
      case 'state':
        this.#caughtUp(channel, message)
        return
      case 'update':
        this.#updated(channel, message)
        return
      case 'piece':
        channel.sent.add(inspectUpdate(message.update, storedBounds))
        return
      case 'acknowledged':
        this.checkAcknowledged(channel, message.through)
        return
      case 'refused':
        channel.submissions.delete(message.submission)
        return
      case 'closed':
        this.#close(message.channel)
        return
      case 'awareness':
        this.checkAwareness(message.update)
        // What waits may be another channel's, whose lag is not this one's.
        if (this.#openedCount === 1) this.checkFlowing(waitingBytes)
        return
      default:
    }
  }

  #close(number: number): void {
    const channel = this.#channels.get(number)
    if (channel !== undefined) this.#leaving.push(channel.documentId)
    this.#channels.delete(number)
  }

  #opened(channel: Channel, { incarnation, seq }: Extract<WeftServerMessage, { readonly type: 'opened' }>): void {
    const { documentId } = channel
    const head = this.ledger.rows(documentId).length
    assert.ok(seq <= head, `D2: ${documentId} was opened at seq ${seq}, past the log's ${head}`)
    channel.incarnation = incarnation
    // Where edits are shown first, behind a dot it says which owner there was.
    const life = this.expectations.broadcast === 'after-commit' ? incarnation : incarnation.replace(/\.[0-9a-f]+$/, '')
    const stored = this.ledger.incarnationOf(documentId)
    if (stored !== null && seq > 0) assert.equal(life, stored, `D4: ${documentId} was opened in another life`)
  }

  /** S6, D4: with what the client said it has, this is everything through the seq. */
  #caughtUp(channel: Channel, { seq, updates }: Extract<WeftServerMessage, { readonly type: 'state' }>): void {
    const { documentId } = channel
    const rows = this.ledger.rows(documentId)
    assert.ok(seq <= rows.length, `D2: a catch-up of ${documentId} says seq ${seq}, past the log's ${rows.length}`)
    for (const update of updates) {
      this.checkDurable(documentId, update, 'a catch-up')
      channel.sent.add(inspectUpdate(update, storedBounds))
    }
    this.#checkComplete(channel, seq, 'a catch-up')
    channel.seq = seq
    // From here on the client has all of that; its vector no longer matters.
    channel.known = { kind: 'seq', incarnation: channel.incarnation, seq, stateVector: Uint8Array.of(0) }
  }

  /** With what the client said it had, everything through the seq was sent. */
  #checkComplete({ documentId, incarnation, known, seq: last, sent }: Channel, seq: number, what: string): void {
    const vector =
      known === null || known.kind === 'nothing' ? new Map<number, number>() : decodeStateVector(known.stateVector, defaultLimits)
    const continues = known?.kind === 'seq' && known.incarnation === incarnation
    for (const row of this.ledger.rows(documentId).slice(continues ? known.seq : (last ?? 0), seq)) {
      const rest = sent.subtract(inspectUpdate(row.update, storedBounds))
      if (rest === null) continue
      const missing = inspectUpdate(rest, storedBounds)
      const lacks =
        missing.deletes.length > 0 || missing.blocks.some(({ client, ranges }) => (ranges.at(-1) ?? 0) > (vector.get(client) ?? 0))
      assert.equal(lacks, false, `S6: ${what} of ${documentId} through seq ${seq} lacks part of row ${row.seq}`)
    }
  }

  #updated(channel: Channel, { seq, update }: Extract<WeftServerMessage, { readonly type: 'update' }>): void {
    const { documentId } = channel
    this.checkDurable(documentId, update, `the update of seq ${seq}`)
    assert.notEqual(channel.seq, null, `S6: an update of ${documentId} comes before the catch-up`)
    channel.sent.add(inspectUpdate(update, storedBounds))
    if (this.expectations.broadcast === 'after-commit' && this.expectations.beats === 'merged') {
      assert.ok(seq >= (channel.seq ?? 0), `S6: an update of ${documentId} steps back`)
      this.#checkComplete(channel, seq, 'an update')
    } else if (this.expectations.broadcast === 'after-commit') {
      assert.equal(seq, (channel.seq ?? 0) + 1, `S6: an update of ${documentId} was left out`)
      const row = this.ledger.rows(documentId)[seq - 1]
      assert.deepEqual(Buffer.from(update), Buffer.from(row?.update ?? []), `S3: the update of seq ${seq} of ${documentId} is not its row`)
    }
    channel.seq = seq
    channel.known = { kind: 'seq', incarnation: channel.incarnation, seq, stateVector: Uint8Array.of(0) }
  }
}

/** Of a link on which a node passes on requests: what they carry is looked at where it is handled. */
export class RelayWitness extends Witness {
  override checkBuffered(): void {}

  unsettled(): readonly [] {
    return []
  }

  received(): void {}

  sending(): void {}

  documentIds(): readonly [] {
    return []
  }
}
