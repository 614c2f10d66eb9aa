// The gateway's Socket over HTTP: records wait here, numbered, until the client has confirmed them; they leave by the stream or the poll that is open.
import { unreachable } from '../../../core/assert.js'
import type { Clock, Timer } from '../../../core/clock.js'
import type { Limits } from '../../../core/limits.js'
import { decodeRecords, type HttpClosing } from '../../../protocol/http-frames.js'
import type { Socket, SocketEvents } from '../socket.js'
import { answer, contentTypes, type HttpExchange, type HttpReply, type HttpRequest, refuse } from './exchange.js'
import { type HeldRecord, HeldRecords } from './held-records.js'
import { eventOf, firstEventOf, pollBodyOf } from './outgoing.js'

export interface HttpSocketOptions {
  readonly clock: Clock
  readonly limits: Pick<Limits, 'streamGapMsMax' | 'pollMsMax' | 'messageBytesMax'>
  /** It is over. Once. What clients ask afterwards is answered with why. */
  ended(closing: HttpClosing): void
}

type Carrier =
  /** Neither a stream nor a poll is open: for so long the client may be on its way back. */
  | { readonly kind: 'none'; readonly timer: Timer }
  /** `sent`: the number of the last record that it was given. `underWay`: bytes that it was given and that are not confirmed. */
  | { readonly kind: 'events'; readonly reply: HttpReply; sent: number; underWay: number }
  | { readonly kind: 'poll'; readonly reply: HttpReply; readonly timer: Timer }
  | { readonly kind: 'over' }

/** A stream is given no more while so much of it is not confirmed: what waits for a slow reader is held once, and not also in front of the network. */
const UNDER_WAY_BYTES = 512 * 1024
const LOST = 1006
const NORMAL = 1000
const nothing = (): void => {}
const noExchange: HttpExchange = { gone: nothing }

export class HttpSocket implements Socket {
  readonly #options: HttpSocketOptions
  #events: SocketEvents | null = null
  #carrier: Carrier
  readonly #records = new HeldRecords()
  #flushing = false
  #closing: HttpClosing | null = null
  /** The number of the last message that was taken in. */
  #received = 0
  #unread: Uint8Array[] = []
  #paused = false
  /** Requests whose messages wait to be read. */
  #unanswered: HttpReply[] = []
  /** The client has gone once what waits is read. */
  #leaving = false

  constructor(options: HttpSocketOptions) {
    this.#options = options
    this.#carrier = this.#gap()
  }

  listen(events: SocketEvents): void {
    this.#events = events
  }

  get bufferedBytes(): number {
    return this.#records.bytes
  }

  send(parts: readonly Uint8Array[], onSent: () => void): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (this.#carrier.kind !== 'over' && this.#closing === null) this.#append({ kind: 'message', parts, bytes, confirmed: onSent })
  }

  /** A record that the client confirms at once. */
  ping(mark = 0): void {
    if (this.#closing === null) this.#append({ kind: 'ping', parts: [], bytes: 0, confirmed: () => this.#events?.pong(mark) })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#read()
  }

  close(code: number, reason: string): void {
    if (this.#closing !== null) return
    const closing = { code, reason }
    const parts = [new TextEncoder().encode(JSON.stringify(closing))]
    this.#append({ kind: 'close', parts, bytes: 0, confirmed: nothing })
    this.#closing = closing
    // What waits has arrived, as far as the client knows.
    this.resume()
  }

  terminate(): void {
    this.#end(LOST)
  }

  /** Serves a request for this connection. The answer is told if whoever asked has gone. */
  serve(request: HttpRequest, reply: HttpReply): HttpExchange {
    if (this.#carrier.kind === 'over') {
      refuse(reply, 404, 'not-found', 'There is no such connection.')
      return noExchange
    }
    if (request.after > this.#records.last) {
      refuse(reply, 400, 'malformed', 'This confirms more than was sent.')
      return noExchange
    }
    this.#events?.received(request.body.length)
    this.#confirm(request.after)
    // The last record may have been the one that closes it.
    if (this.#isOver()) {
      answer(reply, 204, contentTypes.none)
      return noExchange
    }
    if (request.body.length === 0 && this.#events?.requested?.() === false) {
      refuse(reply, 429, 'too-fast', 'Requests without a message come faster than this server answers them; ask again a little later.')
      return noExchange
    }
    switch (request.action) {
      case 'events':
        return this.#stream(request.after, reply)
      case 'poll':
        return this.#poll(reply)
      case 'messages':
      case 'close':
        this.#receive(request, reply)
        return noExchange
      default:
        return unreachable(request.action)
    }
  }

  #isOver(): boolean {
    return this.#carrier.kind === 'over'
  }

  #stream(after: number, reply: HttpReply): HttpExchange {
    const carrier: Carrier = { kind: 'events', reply, sent: after, underWay: 0 }
    this.#carry(carrier)
    reply.begin(200, contentTypes.events)
    reply.write(firstEventOf(after + 1))
    this.#flush()
    return { gone: () => this.#uncarried(carrier) }
  }

  #poll(reply: HttpReply): HttpExchange {
    const timer = this.#options.clock.after(this.#options.limits.pollMsMax, () => this.#answerPoll(), { unref: true })
    const carrier: Carrier = { kind: 'poll', reply, timer }
    this.#carry(carrier)
    this.#flushSoon()
    return { gone: () => this.#uncarried(carrier) }
  }

  /** The client came back by another request: the one before leads nowhere. */
  #carry(next: Carrier): void {
    const before = this.#carrier
    this.#carrier = next
    switch (before.kind) {
      case 'none':
        before.timer.cancel()
        return
      case 'events':
        before.reply.end()
        return
      case 'poll':
        before.timer.cancel()
        answer(before.reply, 204, contentTypes.none)
        return
      case 'over':
        return
      default:
        unreachable(before)
    }
  }

  #uncarried(carrier: Carrier): void {
    if (this.#carrier !== carrier) return
    if (carrier.kind === 'poll') carrier.timer.cancel()
    this.#carrier = this.#gap()
  }

  #gap(): Carrier {
    return {
      kind: 'none',
      timer: this.#options.clock.after(this.#options.limits.streamGapMsMax, () => this.#end(LOST), { unref: true }),
    }
  }

  #append(record: HeldRecord): void {
    if (this.#carrier.kind === 'over') return
    this.#records.append(record)
    this.#flushSoon()
  }

  /** What is sent in one turn leaves together. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    process.nextTick(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    const carrier = this.#carrier
    if (carrier.kind === 'poll' && !this.#records.isEmpty) this.#answerPoll()
    if (carrier.kind !== 'events') return
    for (const record of this.#records.after(carrier.sent)) {
      if (carrier.underWay > UNDER_WAY_BYTES) return
      carrier.sent += 1
      carrier.underWay += record.bytes
      carrier.reply.write(eventOf(record))
    }
  }

  #answerPoll(): void {
    const carrier = this.#carrier
    if (carrier.kind !== 'poll') return
    carrier.timer.cancel()
    this.#carrier = this.#gap()
    if (this.#records.isEmpty) answer(carrier.reply, 204, contentTypes.none)
    else {
      carrier.reply.begin(200, contentTypes.records)
      for (const bytes of pollBodyOf(this.#records.after(0))) carrier.reply.write(bytes)
      carrier.reply.end()
    }
  }

  #confirm(through: number): void {
    const confirmed = this.#records.confirm(through)
    if (confirmed.length === 0) return
    const carrier = this.#carrier
    if (carrier.kind === 'events') {
      for (const { bytes } of confirmed) carrier.underWay = Math.max(0, carrier.underWay - bytes)
      carrier.sent = Math.max(carrier.sent, through)
      this.#flushSoon()
    }
    for (const record of confirmed) {
      record.confirmed()
      if (record.kind === 'close') this.#end(this.#closing?.code ?? NORMAL)
    }
  }

  #receive({ action, first, body }: HttpRequest, reply: HttpReply): void {
    const messages = decodeRecords(body).map(({ content }) => content)
    if (messages.length > 0 && first > this.#received + 1) {
      refuse(reply, 409, 'gap', `Message ${this.#received + 1} is missing.`)
      return
    }
    if (messages.length === 0 && action === 'messages') {
      // It only confirms, which does not wait for what is not read.
      answer(reply, 204, contentTypes.none)
      return
    }
    // The rest came before, in a request whose answer was lost.
    const further = messages.slice(this.#received + 1 - first)
    if (further.length > 0 && this.#unread.length > 0) {
      refuse(reply, 503, 'overloaded', 'What came before is not read yet; send it again.')
      return
    }
    const isTooLarge = further.some(({ length }) => length > this.#options.limits.messageBytesMax)
    if (isTooLarge) this.#events?.tooLarge?.()
    else {
      this.#received += further.length
      // Copies: a small message must not keep a whole body.
      this.#unread.push(...(further.length === 1 ? further : further.map((message) => Uint8Array.from(message))))
    }
    if (action === 'close') this.#leaving = true
    this.#unanswered.push(reply)
    this.#read()
  }

  #read(): void {
    while (!this.#paused && !this.#isOver()) {
      const next = this.#unread.shift()
      if (next === undefined) break
      this.#events?.message(next)
    }
    if (this.#unread.length > 0 && !this.#isOver()) return
    for (const reply of this.#unanswered.splice(0)) answer(reply, 204, contentTypes.none)
    if (this.#leaving) this.#end(NORMAL)
  }

  #end(code: number): void {
    if (this.#carrier.kind === 'over') return
    const closing = this.#closing ?? { code, reason: '' }
    // What was sent last may be why.
    this.#flush()
    this.#carry({ kind: 'over' })
    for (const reply of this.#unanswered.splice(0)) answer(reply, 204, contentTypes.none)
    this.#unread = []
    this.#records.confirm(this.#records.last)
    this.#options.ended(closing)
    const events = this.#events
    this.#events = null
    events?.closed(code)
  }
}
