// Who else has a document open.
import { useCallback } from 'react'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { useSelected } from './selected.js'

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function usePresence(document: OpenDocument | null): readonly Person[]
/**
 * The others, each with what `select` makes of the state, so that a component that shows names is not drawn again for each step of a
 * cursor. States come from other clients and may have any shape: `select` leaves a person out by answering undefined.
 */
export function usePresence<Selected>(
  document: OpenDocument | null,
  select: (state: PresenceState, clientId: number) => Selected,
): readonly Person<Exclude<Selected, undefined>>[]
export function usePresence(
  document: OpenDocument | null,
  select: (state: PresenceState, clientId: number) => unknown = whole,
): readonly Person<unknown>[] {
  const selectAll = useCallback((people: readonly Person[]): readonly Person<unknown>[] => peopleAs(people, select), [select])
  return useSelected(document?.people.subscribe ?? ignore, document?.people.others ?? noOthers, selectAll, samePeople)
}

const whole = (state: PresenceState): PresenceState => state
const ignore = () => (): void => {}
const noOthers = (): readonly Person[] => nobody
