// Who has a document open: the others, this client, and what is shared with types.
import { type ComputedRef, computed, type MaybeRefOrGetter, markRaw, toRaw, toValue } from 'vue'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { unlessEqual } from '../binding/selection.js'
import { type Participant, type ParticipantCursor, type PresenceOptions, SessionPresence } from '../session-presence.js'
import { useChanges } from './changes.js'

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function useOthers(document: MaybeRefOrGetter<OpenDocument | null>): ComputedRef<readonly Person[]>
/**
 * The others, each with what `select` makes of the state, so that a component that shows names is not rendered again for each step of a
 * cursor. States come from other clients and may have any shape: `select` leaves a person out by answering undefined.
 */
export function useOthers<Selected>(
  document: MaybeRefOrGetter<OpenDocument | null>,
  select: (state: PresenceState, clientId: number) => Selected,
): ComputedRef<readonly Person<Exclude<Selected, undefined>>[]>
/** The others as `usePresence` has them, with types, and where they look. */
export function useOthers<State extends object, Cursor>(
  presence: MaybeRefOrGetter<SessionPresence<State, Cursor> | null>,
): ComputedRef<readonly Participant<State>[]>
export function useOthers(
  of: MaybeRefOrGetter<OpenDocument | SessionPresence<object, unknown> | null>,
  select: (state: PresenceState, clientId: number) => unknown = (state) => state,
): ComputedRef<readonly Person<unknown>[]> {
  const source = () => toRaw(toValue(of))
  const track = useChanges(source, (current, changed) =>
    current instanceof SessionPresence ? current.on('others', changed) : current.people.subscribe(changed),
  )
  return computed((before: readonly Person<unknown>[] = nobody) => {
    track()
    const current = source()
    if (current instanceof SessionPresence) return current.others
    return samePeople(before, peopleAs(current?.people.others() ?? nobody, select))
  })
}

/** What this client shares with the others; null where that is nothing. */
export function useSelf(document: MaybeRefOrGetter<OpenDocument | null>): ComputedRef<Person | null>
/** What `select` makes of what this client shares; null where that is nothing. */
export function useSelf<Selected>(
  document: MaybeRefOrGetter<OpenDocument | null>,
  select: (state: PresenceState, clientId: number) => Selected,
): ComputedRef<Selected | null>
export function useSelf(
  document: MaybeRefOrGetter<OpenDocument | null>,
  select?: (state: PresenceState, clientId: number) => unknown,
): ComputedRef<unknown> {
  const track = useChanges(
    () => toValue(document),
    (open, changed) => open.people.subscribe(changed),
  )
  return computed((before: unknown) => {
    track()
    const self = toValue(document)?.people.self() ?? null
    return self === null || select === undefined ? self : unlessEqual(before, select(self.state, self.clientId))
  })
}

/**
 * The document's presence with types, as `session.presence` has it: to share who this is, to say where it looks and to move the cursor, and for `useOthers` and
 * `useCursors`. With the options of the first component that asks. Null of null.
 */
export function usePresence<State extends object = PresenceState, Cursor = unknown>(
  document: MaybeRefOrGetter<OpenDocument | null>,
  options: PresenceOptions<State> = {},
): ComputedRef<SessionPresence<State, Cursor> | null> {
  return computed(() => {
    const presence = toValue(document)?.presence<State, Cursor>(options) ?? null
    return presence === null ? null : markRaw(presence)
  })
}

/** The cursors of those who look where this client looks. */
export function useCursors<State extends object, Cursor>(
  presence: MaybeRefOrGetter<SessionPresence<State, Cursor> | null>,
): ComputedRef<readonly ParticipantCursor<State, Cursor>[]>
/** What `select` makes of them. */
export function useCursors<State extends object, Cursor, Selected>(
  presence: MaybeRefOrGetter<SessionPresence<State, Cursor> | null>,
  select: (cursors: readonly ParticipantCursor<State, Cursor>[]) => Selected,
): ComputedRef<Selected>
export function useCursors(
  presence: MaybeRefOrGetter<SessionPresence<object, unknown> | null>,
  select: (cursors: readonly ParticipantCursor<object, unknown>[]) => unknown = (cursors) => cursors,
): ComputedRef<unknown> {
  const source = () => toRaw(toValue(presence))
  const track = useChanges(source, (current, changed) => current.on('cursors', changed))
  return computed((before: unknown) => {
    track()
    return unlessEqual(before, select(source()?.cursors ?? []))
  })
}
