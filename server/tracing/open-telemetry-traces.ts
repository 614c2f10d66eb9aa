// Edits as spans of OpenTelemetry. Each that is followed has one span on the node that it came to, from its arrival to its acknowledgement, with a child for each
// step of its way; on the owner's node, and on others that show it, spans that continue it.
import type { Context, Span, SpanContext, SpanKind, Tracer } from '@opentelemetry/api'
import type { Clock } from '../../core/clock.js'
import type { ArrivedTrace, EditTraces, ForwardedTrace } from '../../core/edit-traces.js'
import type { Random } from '../../core/random.js'

export type OpenTelemetry = typeof import('@opentelemetry/api')

export interface OpenTelemetryTracesOptions {
  readonly api: OpenTelemetry
  readonly tracer: Tracer
  readonly clock: Clock
  readonly random: Random
  /** Of so many edits of clients one is followed, on average; at least 1. */
  readonly oneIn: number
}

// Whoever made an edit may hear of its end twice, from its document and from what carried it there: the first time counts.
interface Followed {
  readonly whole: Span
  /** From the monotonic clock to the time of day, as it was when the edit came: its steps lie exactly side by side. */
  readonly dayMs: number
  readonly context: Context
  /** Null between steps, and once it is over. */
  step: Span | null
  stage: 'before-commit' | 'committed'
}

/** As W3C has it: version, trace, span, flags. */
const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

export class OpenTelemetryTraces implements EditTraces {
  readonly #options: OpenTelemetryTracesOptions
  readonly #edits = new WeakMap<Uint8Array, Followed>()
  readonly #entries = new WeakMap<object, Followed[]>()
  /** Edits until the next one that is followed, that one included. */
  #until: number

  constructor(options: OpenTelemetryTracesOptions) {
    this.#options = options
    this.#until = this.#distance()
  }

  received(edit: Uint8Array, documentId: string): void {
    const { api } = this.#options
    if (this.#isNext()) this.#follow(edit, 'weft.edit', documentId, api.ROOT_CONTEXT, api.SpanKind.SERVER)
  }

  made(edit: Uint8Array, documentId: string): void {
    const { api } = this.#options
    const around = api.context.active()
    // What a program or a request is followed for includes its edits: they do not wait for their turn.
    if (api.trace.getSpan(around)?.isRecording() === true || this.#isNext())
      this.#follow(edit, 'weft.edit', documentId, around, api.SpanKind.INTERNAL)
  }

  continued(edit: Uint8Array, documentId: string, context: string): void {
    const parent = this.#parentOf(context)
    if (parent !== null) this.#follow(edit, 'weft.edit.own', documentId, parent, this.#options.api.SpanKind.SERVER)
  }

  refused(edit: Uint8Array, code: string): void {
    const followed = this.#edits.get(edit)
    if (followed !== undefined) this.#fail(followed, code)
  }

  repeated(edit: Uint8Array): void {
    const followed = this.#edits.get(edit)
    if (followed === undefined) return
    followed.whole.setAttribute('weft.edit.known', true)
    this.#end(followed)
  }

  forwarded(edit: Uint8Array): ForwardedTrace | null {
    const followed = this.#edits.get(edit)
    if (followed === undefined) return null
    const { api } = this.#options
    const step = this.#step(followed, 'weft.edit.forward', api.SpanKind.CLIENT)
    return {
      context: traceParentOf(step.spanContext()),
      acknowledged: (seq) => {
        followed.whole.setAttribute('weft.seq', seq)
        this.#end(followed)
      },
      refused: (code) => this.#fail(followed, code),
      lost: () => {
        step.setStatus({ code: api.SpanStatusCode.ERROR, message: 'owner-moved' })
        step.end(this.#now(followed))
      },
    }
  }

  waits(edit: Uint8Array, entry: object): void {
    const followed = this.#edits.get(edit)
    if (followed === undefined) return
    this.#step(followed, 'weft.edit.wait')
    const others = this.#entries.get(entry)
    if (others === undefined) this.#entries.set(entry, [followed])
    else others.push(followed)
  }

  commits(entry: object): void {
    for (const followed of this.#entries.get(entry) ?? []) this.#step(followed, 'weft.edit.commit')
  }

  durable(entry: object, seq: number): void {
    for (const followed of this.#entries.get(entry) ?? []) {
      followed.whole.setAttribute('weft.seq', seq)
      followed.stage = 'committed'
      this.#step(followed, 'weft.edit.deliver')
    }
  }

  contextOf(entry: object): string | null {
    const [first] = this.#entries.get(entry) ?? []
    return first === undefined ? null : traceParentOf(first.whole.spanContext())
  }

  shown(entry: object, sessions: number): void {
    for (const followed of this.#entries.get(entry) ?? []) {
      followed.whole.addEvent('shown', { 'weft.sessions': sessions }, this.#now(followed))
      // Where edits are shown first, its commit goes on.
      if (followed.stage === 'before-commit') continue
      followed.step?.end(this.#now(followed))
      followed.step = null
    }
  }

  acknowledged(entry: object): void {
    for (const followed of this.#entries.get(entry) ?? []) this.#end(followed)
    this.#entries.delete(entry)
  }

  arrived(context: string): ArrivedTrace {
    const { api, tracer } = this.#options
    const parent = this.#parentOf(context)
    const span = parent === null ? null : tracer.startSpan('weft.edit.deliver', { kind: api.SpanKind.CONSUMER }, parent)
    return {
      shown: (sessions) => {
        span?.addEvent('shown', { 'weft.sessions': sessions })
        span?.end()
      },
    }
  }

  #distance(): number {
    return 1 + this.#options.random.below(2 * this.#options.oneIn - 1)
  }

  #isNext(): boolean {
    this.#until -= 1
    if (this.#until > 0) return false
    this.#until = this.#distance()
    return true
  }

  #follow(edit: Uint8Array, name: string, documentId: string, parent: Context, kind: SpanKind): void {
    const { api, tracer, clock } = this.#options
    const dayMs = clock.now() - clock.monotonic()
    const startTime = dayMs + clock.monotonic()
    const attributes = { 'weft.document.id': documentId, 'weft.edit.bytes': edit.length }
    const whole = tracer.startSpan(name, { kind, attributes, startTime }, parent)
    // The program's own sampler has the last word.
    if (!whole.isRecording()) return
    const followed: Followed = { whole, dayMs, context: api.trace.setSpan(parent, whole), step: null, stage: 'before-commit' }
    this.#step(followed, 'weft.edit.check')
    this.#edits.set(edit, followed)
  }

  #step(followed: Followed, name: string, kind = this.#options.api.SpanKind.INTERNAL): Span {
    const now = this.#now(followed)
    followed.step?.end(now)
    const step = this.#options.tracer.startSpan(name, { kind, startTime: now }, followed.context)
    followed.step = step
    return step
  }

  #end(followed: Followed): void {
    const now = this.#now(followed)
    followed.step?.end(now)
    followed.step = null
    followed.whole.end(now)
  }

  #now({ dayMs }: Followed): number {
    return dayMs + this.#options.clock.monotonic()
  }

  #fail(followed: Followed, code: string): void {
    if (!followed.whole.isRecording()) return
    followed.whole.setStatus({ code: this.#options.api.SpanStatusCode.ERROR, message: code })
    this.#end(followed)
  }

  #parentOf(context: string): Context | null {
    const { api } = this.#options
    const [, traceId, spanId, flags] = TRACE_PARENT.exec(context) ?? []
    if (traceId === undefined || spanId === undefined || flags === undefined) return null
    const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
    return api.isSpanContextValid(parent) ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : null
  }
}

function traceParentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
