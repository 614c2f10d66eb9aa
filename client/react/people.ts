// Who has a document open: the others, this client, and what is shared with types.
import { useCallback, useMemo } from 'react'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { type Participant, type ParticipantCursor, type PresenceOptions, SessionPresence } from '../session-presence.js'
import { useSelected } from './selected.js'

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function useOthers(document: OpenDocument | null): readonly Person[]
/**
 * The others, each with what `select` makes of the state, so that a component that shows names is not drawn again for each step of a
 * cursor. States come from other clients and may have any shape: `select` leaves a person out by answering undefined.
 */
export function useOthers<Selected>(
  document: OpenDocument | null,
  select: (state: PresenceState, clientId: number) => Selected,
): readonly Person<Exclude<Selected, undefined>>[]
/** The others as `usePresence` has them, with types, and where they look. */
export function useOthers<State extends object, Cursor>(presence: SessionPresence<State, Cursor> | null): readonly Participant<State>[]
export function useOthers(
  of: OpenDocument | SessionPresence<object, unknown> | null,
  select: (state: PresenceState, clientId: number) => unknown = whole,
): readonly Person<unknown>[] {
  const { subscribe, others } = useMemo(() => {
    if (of instanceof SessionPresence) return { subscribe: (listener: () => void) => of.on('others', listener), others: () => of.others }
    return { subscribe: of?.people.subscribe ?? ignore, others: of?.people.others ?? (() => nobody) }
  }, [of])
  const selectAll = useCallback(
    (people: readonly Person<unknown>[]) => (of instanceof SessionPresence ? people : peopleAs(people as readonly Person[], select)),
    [of, select],
  )
  return useSelected<readonly Person<unknown>[], readonly Person<unknown>[]>(subscribe, others, selectAll, samePeople)
}

/** What this client shares with the others; null where that is nothing. */
export function useSelf(document: OpenDocument | null): Person | null
/** What `select` makes of what this client shares; null where that is nothing. */
export function useSelf<Selected>(
  document: OpenDocument | null,
  select: (state: PresenceState, clientId: number) => Selected,
): Selected | null
export function useSelf(document: OpenDocument | null, select?: (state: PresenceState, clientId: number) => unknown): unknown {
  const selectSelf = useCallback(
    (self: Person | null) => (self === null || select === undefined ? self : select(self.state, self.clientId)),
    [select],
  )
  return useSelected<Person | null, unknown>(document?.people.subscribe ?? ignore, document?.people.self ?? none, selectSelf)
}

/**
 * The document's presence with types, as `session.presence` has it: to share who this is, to say where it looks and to move the cursor, and for `useOthers` and
 * `useCursors`. The same object each time, with the options of the first component that asks; it draws nothing by itself. Null of null.
 */
export function usePresence<State extends object = PresenceState, Cursor = unknown>(
  document: OpenDocument | null,
  options: PresenceOptions<State> = {},
): SessionPresence<State, Cursor> | null {
  return document?.presence<State, Cursor>(options) ?? null
}

/** The cursors of those who look where this client looks, drawn at each movement. */
export function useCursors<State extends object, Cursor>(
  presence: SessionPresence<State, Cursor> | null,
): readonly ParticipantCursor<State, Cursor>[]
/** What `select` makes of them. */
export function useCursors<State extends object, Cursor, Selected>(
  presence: SessionPresence<State, Cursor> | null,
  select: (cursors: readonly ParticipantCursor<State, Cursor>[]) => Selected,
): Selected
export function useCursors(
  presence: SessionPresence<object, unknown> | null,
  select: (cursors: readonly ParticipantCursor<object, unknown>[]) => unknown = whole,
): unknown {
  const subscribe = useCallback((listener: () => void) => presence?.on('cursors', listener) ?? nothing, [presence])
  const cursors = useCallback(() => presence?.cursors ?? noCursors, [presence])
  return useSelected(subscribe, cursors, select)
}

const noCursors: readonly ParticipantCursor<never, never>[] = []
const whole = <Value>(value: Value): Value => value
const nothing = (): void => {}
const ignore = () => nothing
const none = (): null => null
