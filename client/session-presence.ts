// Who is here, where they look, and where their cursors are: what is in a session's awareness, typed, and calm enough to be shown to people.
import { equalityDeep } from 'lib0/function'
import type { Awareness } from 'y-protocols/awareness'
import type { Clock, Timer } from '../core/clock.js'
import { Emitter } from './emitter.js'

/** Somebody else who has the document open. */
export interface Participant<State> {
  /** The Yjs client id: one for each open document of each window. */
  readonly clientId: number
  readonly state: State
  /** The part of the document that they look at; null: the whole of it. */
  readonly at: string | null
}

export interface ParticipantCursor<State, Cursor> extends Participant<State> {
  readonly cursor: Cursor
}

export interface PresenceOptions<State> {
  /** What to make of what another client shares, which has any shape; whoever it makes undefined of is left out. Default: it is believed. */
  readonly read?: (state: Readonly<Record<string, unknown>>) => State | undefined
  /** The fields of the awareness state that hold movements, at most 8. Default: `cursor` and `selection`, as editor bindings call them. */
  readonly moves?: readonly string[]
}

export type PresenceEvents = {
  /** `others` is another list. */
  others: undefined
  /** `cursors` is another list. */
  cursors: undefined
}

/** The least time between two movements that are sent, in milliseconds. */
const movesApartMs = 40
/** Who goes, or looks elsewhere, and is back within this time, never went. */
const settledMs = 2_000

interface Shown<State> {
  participant: Participant<State>
  /** What is shown when it has lasted; a participant of null goes. */
  next: { readonly participant: Participant<State> | null; readonly timer: Timer } | null
}

/** Ends with its session. */
export class SessionPresence<State extends object = Readonly<Record<string, unknown>>, Cursor = unknown> {
  readonly #awareness: Awareness
  readonly #clock: Clock
  readonly #options: PresenceOptions<State>
  readonly #emitter: Emitter<PresenceEvents>
  readonly #shown = new Map<number, Shown<State>>()
  #others: readonly Participant<State>[] = []
  #cursors: readonly ParticipantCursor<State, Cursor>[] = []
  #move: { readonly cursor: Cursor | null } | null = null
  #pause: Timer | null = null

  /** @internal */
  constructor(awareness: Awareness, clock: Clock, onError: (error: unknown) => void, options: PresenceOptions<State>) {
    this.#awareness = awareness
    this.#clock = clock
    this.#options = options
    this.#emitter = new Emitter(['others', 'cursors'], onError)
    awareness.on('change', this.#changed)
    this.#changed()
  }

  /** Everybody else. Who comes is in it at once; who goes, or looks elsewhere, when that has lasted 2 s. */
  get others(): readonly Participant<State>[] {
    return this.#others
  }

  /** The cursors of those who look where this client looks, as they are now. A client that looks at the whole document sees all. */
  get cursors(): readonly ParticipantCursor<State, Cursor>[] {
    return this.#cursors
  }

  /** Listens until the returned function is called, or the session is closed. */
  on(name: keyof PresenceEvents, listener: () => void): () => void {
    return this.#emitter.on(name, listener)
  }

  /** Says who this is. What was shared before under other names stays. */
  share(state: State): void {
    this.#awareness.setLocalState({ ...this.#awareness.getLocalState(), ...state })
  }

  /** Says which part of the document this client looks at, by a name of at most 256 UTF-16 units; null: the whole of it. */
  look(at: string | null): void {
    this.#awareness.setLocalStateField('weft', at === null ? undefined : { at, moves: this.#options.moves })
  }

  /** Says where the cursor is, or that there is none. Of many movements the last one is sent, at most 25 a second. */
  move(cursor: Cursor | null): void {
    this.#move = { cursor }
    if (this.#pause === null) this.#send()
  }

  /** @internal */
  close(): void {
    this.#awareness.off('change', this.#changed)
    this.#pause?.cancel()
    for (const { next } of this.#shown.values()) next?.timer.cancel()
    this.#emitter.clear()
  }

  #send(): void {
    this.#pause = null
    if (this.#move === null) return
    const { cursor } = this.#move
    this.#move = null
    this.#pause = this.#clock.after(movesApartMs, () => this.#send())
    this.#awareness.setLocalStateField('cursor', cursor)
  }

  readonly #changed = (): void => {
    const here = lookedAt(this.#awareness.getLocalState())
    const present = new Map<number, Participant<State>>()
    const cursors: ParticipantCursor<State, Cursor>[] = []
    for (const [clientId, said] of this.#awareness.getStates()) {
      const { weft: _, cursor, ...rest } = said
      const state = this.#options.read === undefined ? (rest as State) : this.#options.read(rest)
      if (clientId === this.#awareness.clientID || state === undefined) continue
      const at = lookedAt(said)
      const participant = { clientId, state, at }
      present.set(clientId, participant)
      const isHere = here === null || at === null || here === at
      if (isHere && cursor != null) cursors.push({ ...participant, cursor: cursor as Cursor })
    }
    for (const [clientId, shown] of this.#shown) if (!present.has(clientId)) this.#settle(clientId, shown, null)
    for (const participant of present.values()) this.#see(participant, here)
    this.#tell()
    if (equalityDeep(cursors, this.#cursors)) return
    this.#cursors = cursors
    this.#emitter.emit('cursors', undefined)
  }

  #see(participant: Participant<State>, here: string | null): void {
    const { clientId, at, state } = participant
    const shown = this.#shown.get(clientId)
    const before = shown?.participant
    // Where somebody looks is told late by the server itself, between parts that this client does not look at.
    const isLasting = here !== null && at !== here && before?.at !== here
    if (shown !== undefined && before !== undefined && before.at !== at && !isLasting) {
      this.#settle(clientId, shown, participant)
      return
    }
    // Who has gone and is here again under another id, as after a reload, was never away.
    if (shown === undefined) {
      const gone = [...this.#shown].find(
        ([, { participant: other, next }]) => next?.participant === null && equalityDeep(other.state, state),
      )
      if (gone !== undefined) this.#show(gone[0], null)
    }
    // One that says the same stays the same object.
    this.#show(clientId, before !== undefined && equalityDeep(before, participant) ? before : participant)
  }

  /** Shows it once it has lasted. */
  #settle(clientId: number, shown: Shown<State>, participant: Participant<State> | null): void {
    if (shown.next !== null && equalityDeep(shown.next.participant, participant)) return
    shown.next?.timer.cancel()
    const timer = this.#clock.after(settledMs, () => {
      this.#show(clientId, participant)
      this.#tell()
    })
    shown.next = { participant, timer }
  }

  #show(clientId: number, participant: Participant<State> | null): void {
    this.#shown.get(clientId)?.next?.timer.cancel()
    if (participant === null) this.#shown.delete(clientId)
    else this.#shown.set(clientId, { participant, next: null })
  }

  #tell(): void {
    const others = [...this.#shown.values()].map(({ participant }) => participant)
    if (others.length === this.#others.length && others.every((other, index) => other === this.#others[index])) return
    this.#others = others
    this.#emitter.emit('others', undefined)
  }
}

function lookedAt(state: Readonly<Record<string, unknown>> | null): string | null {
  const scope = state?.['weft'] as { readonly at?: unknown } | null | undefined
  return typeof scope?.at === 'string' ? scope.at : null
}
