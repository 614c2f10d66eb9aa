// Who else has a document open.
import { type ComputedRef, computed, type MaybeRefOrGetter, toValue } from 'vue'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { useChanges } from './changes.js'

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function usePresence(document: MaybeRefOrGetter<OpenDocument | null>): ComputedRef<readonly Person[]>
/**
 * The others, each with what `select` makes of the state, so that a component that shows names is not rendered again for each step of a
 * cursor. States come from other clients and may have any shape: `select` leaves a person out by answering undefined.
 */
export function usePresence<Selected>(
  document: MaybeRefOrGetter<OpenDocument | null>,
  select: (state: PresenceState, clientId: number) => Selected,
): ComputedRef<readonly Person<Exclude<Selected, undefined>>[]>
export function usePresence(
  document: MaybeRefOrGetter<OpenDocument | null>,
  select: (state: PresenceState, clientId: number) => unknown = (state) => state,
): ComputedRef<readonly Person<unknown>[]> {
  const track = useChanges(
    () => toValue(document),
    (open, changed) => open.people.subscribe(changed),
  )
  return computed((before: readonly Person<unknown>[] = nobody) => {
    track()
    const others = toValue(document)?.people.others() ?? nobody
    return samePeople(before, peopleAs(others, select))
  })
}
