// The others who have a document open, as a list that is another one only when somebody came, left, or says something else.
import type { Awareness } from 'y-protocols/awareness'
import { Listeners } from './listeners.js'
import { unlessEqual } from './selection.js'

/** What somebody shares. It comes from another client: it has whatever shape that gave it. */
export type PresenceState = Readonly<Record<string, unknown>>

export interface Person<State = PresenceState> {
  /** The Yjs client id: one for each open document of each window, so that a person with two windows is here twice. */
  readonly clientId: number
  readonly state: State
}

export const nobody: readonly Person<never>[] = []

export class People {
  readonly #awareness: Awareness
  readonly #listeners = new Listeners()
  #others: readonly Person[] = nobody
  #stale = true
  #self: Person | null = null

  constructor(awareness: Awareness) {
    this.#awareness = awareness
    // Until the awareness is destroyed, with the session.
    awareness.on('change', () => {
      this.#stale = true
      this.#listeners.tell()
    })
  }

  /** Those who are here, this client left out. */
  readonly others = (): readonly Person[] => {
    if (this.#stale) {
      this.#stale = false
      const states = [...this.#awareness.getStates()].filter(([clientId]) => clientId !== this.#awareness.clientID)
      this.#others = samePeople(
        this.#others,
        states.map(([clientId, state]) => ({ clientId, state })),
      )
    }
    return this.#others
  }

  /** What this client shares; null: nothing. */
  readonly self = (): Person | null => {
    const { clientID: clientId } = this.#awareness
    const state = this.#awareness.getLocalState()
    this.#self = state === null ? null : unlessEqual(this.#self, { clientId, state })
    return this.#self
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)
}

/** What `select` makes of each one's state; whoever it makes undefined of is left out. */
export function peopleAs<Selected>(
  people: readonly Person[],
  select: (state: PresenceState, clientId: number) => Selected,
): readonly Person<Exclude<Selected, undefined>>[] {
  return people.flatMap(({ clientId, state }) => {
    const selected = select(state, clientId)
    return selected === undefined ? [] : [{ clientId, state: selected as Exclude<Selected, undefined> }]
  })
}

/** The list before if nothing changed; else the new one, in which those who say the same as before are the same objects. */
export function samePeople<State>(before: readonly Person<State>[], now: readonly Person<State>[]): readonly Person<State>[] {
  const known = new Map(before.map((person) => [person.clientId, person]))
  const list = now.map((person) => unlessEqual(known.get(person.clientId) ?? person, person))
  return list.length === before.length && list.every((person, index) => person === before[index]) ? before : list
}
