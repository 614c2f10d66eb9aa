// What components show of a document: whether it is saved, who else is there, and what is in it.
import type * as Y from 'yjs'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { type DocumentState, notOpenYet } from '../binding/saved-state.js'
import { unlessEqual } from '../binding/selection.js'
import { type SharedType, WatchedType } from '../binding/shared-type.js'
import { type Readable, readable } from './readable.js'

type Documents = Readable<OpenDocument | null>

/** What `read` makes of the document that there is, read anew at each change. `before` is what it answered last. */
function of<Value>(
  documents: Documents,
  rest: Value,
  listen: (document: OpenDocument, changed: () => void) => () => void,
  read: (document: OpenDocument, before: Value) => Value,
): Readable<Value> {
  return readable(
    () => rest,
    (set) => {
      let value = rest
      let stop = (): void => {}
      const leave = documents.subscribe((document) => {
        stop()
        const update = (): void => {
          value = document === null ? rest : read(document, value)
          set(value)
        }
        stop = document === null ? () => {} : listen(document, update)
        update()
      })
      return () => {
        stop()
        leave()
      }
    },
  )
}

/** What is true of the document now; while there is none, that it is being opened. */
export function saved(document: Documents): Readable<DocumentState> {
  return of(
    document,
    notOpenYet,
    (open, changed) => open.subscribe(changed),
    (open) => open.state(),
  )
}

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function presence(document: Documents): Readable<readonly Person[]>
/**
 * The others, each with what `select` makes of the state. States come from other clients and may have any shape: `select` leaves a person
 * out by answering undefined.
 */
export function presence<Selected>(
  document: Documents,
  select: (state: PresenceState, clientId: number) => Selected,
): Readable<readonly Person<Exclude<Selected, undefined>>[]>
export function presence(
  document: Documents,
  select: (state: PresenceState, clientId: number) => unknown = (state) => state,
): Readable<readonly Person<unknown>[]> {
  return of<readonly Person<unknown>[]>(
    document,
    nobody,
    (open, changed) => open.people.subscribe(changed),
    (open, before) => samePeople(before, peopleAs(open.people.others(), select)),
  )
}

/**
 * What `select` makes of a shared type of the document, such as `shared(doc$, (doc) => doc.getText('body'), (text) => text.toString())`;
 * undefined while there is no document. It is another value only when that is deeply another; select values, since a shared type itself
 * stays the same object whatever changes in it.
 */
export function shared<Type extends SharedType, Selected>(
  document: Documents,
  type: (doc: Y.Doc) => Type,
  select: (type: Type) => Selected,
): Readable<Selected | undefined> {
  return of<Selected | undefined>(
    document,
    undefined,
    ({ doc }, changed) => new WatchedType(type(doc)).subscribe(changed),
    ({ doc }, before) => unlessEqual(before, select(type(doc))) as Selected,
  )
}
