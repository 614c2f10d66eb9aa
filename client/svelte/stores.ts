// What components show of a document: whether it is saved, who else is there, and what is in it.
import type * as Y from 'yjs'
import { type DocumentStatus, notOpenYet } from '../binding/document-status.js'
import { keptDraft, type ShownDraft } from '../binding/draft.js'
import type { Kept } from '../binding/kept.js'
import type { OpenDocument } from '../binding/open-document.js'
import { nobody, type Person, type PresenceState, peopleAs, samePeople } from '../binding/people.js'
import { unlessEqual } from '../binding/selection.js'
import { contentOf, type SharedType, WatchedType } from '../binding/shared-type.js'
import { keptUndo, nothingToUndo, type ShownUndo, type UndoOptions, type UndoScopeOf } from '../binding/undo.js'
import { noVersions, type Versions, type VersionsChoice, versionsOf, type WatchedVersions, watchedVersions } from '../binding/versions.js'
import { type Participant, type ParticipantCursor, type PresenceOptions, SessionPresence } from '../session-presence.js'
import { type Readable, readable } from './readable.js'

type Documents = Readable<OpenDocument | null>

/** What `read` makes of what there is in another store, read anew at each change. `before` is what it answered last. */
export function of<Source, Value>(
  sources: Readable<Source | null>,
  rest: Value,
  listen: (source: Source, changed: () => void) => () => void,
  read: (source: Source, before: Value) => Value,
): Readable<Value> {
  return readable(
    () => rest,
    (set) => {
      let value = rest
      let stop = (): void => {}
      const leave = sources.subscribe((source) => {
        stop()
        const update = (): void => {
          value = source === null ? rest : read(source, value)
          set(value)
        }
        stop = source === null ? () => {} : listen(source, update)
        update()
      })
      return () => {
        stop()
        leave()
      }
    },
  )
}

/** As `of`, for what is made of each document and given up when nobody is subscribed any more. */
export function ofKept<Value>(documents: Documents, rest: Value, make: (document: OpenDocument) => Kept<Value>): Readable<Value> {
  const kept = new WeakMap<OpenDocument, Kept<Value>>()
  const keptOf = (document: OpenDocument): Kept<Value> => {
    const known = kept.get(document) ?? make(document)
    kept.set(document, known)
    return known
  }
  return of(
    documents,
    rest,
    (document, changed) => keptOf(document).subscribe(changed),
    (document, before) => {
      try {
        return keptOf(document).shown()
      } catch (error) {
        // Thrown here it would reach whoever changed the document, and not the component.
        queueMicrotask(() => {
          throw error
        })
        return before
      }
    },
  )
}

/** What is true of the document now: `state` is `saved`, `saving`, `offline`, `refused`, `connecting` or `syncing`. While there is none, that it is being opened. */
export function status(document: Documents): Readable<DocumentStatus> {
  return of(
    document,
    notOpenYet,
    (open, changed) => open.subscribe(changed),
    (open) => open.status(),
  )
}

/** The others in the document. The list, and each person in it, stay the same objects for as long as they say the same. */
export function others(document: Documents): Readable<readonly Person[]>
/**
 * The others, each with what `select` makes of the state. States come from other clients and may have any shape: `select` leaves a person
 * out by answering undefined.
 */
export function others<Selected>(
  document: Documents,
  select: (state: PresenceState, clientId: number) => Selected,
): Readable<readonly Person<Exclude<Selected, undefined>>[]>
/** The others as `presence` has them, with types, and where they look. */
export function others<State extends object, Cursor>(
  presence: Readable<SessionPresence<State, Cursor> | null>,
): Readable<readonly Participant<State>[]>
export function others(
  source: Readable<OpenDocument | SessionPresence<object, unknown> | null>,
  select: (state: PresenceState, clientId: number) => unknown = (state) => state,
): Readable<readonly Person<unknown>[]> {
  return of<OpenDocument | SessionPresence<object, unknown>, readonly Person<unknown>[]>(
    source,
    nobody,
    (open, changed) => (open instanceof SessionPresence ? open.on('others', changed) : open.people.subscribe(changed)),
    (open, before) => (open instanceof SessionPresence ? open.others : samePeople(before, peopleAs(open.people.others(), select))),
  )
}

/** What this client shares with the others; null where that is nothing. */
export function self(document: Documents): Readable<Person | null>
/** What `select` makes of what this client shares; null where that is nothing. */
export function self<Selected>(document: Documents, select: (state: PresenceState, clientId: number) => Selected): Readable<Selected | null>
export function self(document: Documents, select?: (state: PresenceState, clientId: number) => unknown): Readable<unknown> {
  return of<OpenDocument, unknown>(
    document,
    null,
    (open, changed) => open.people.subscribe(changed),
    (open, before) => {
      const person = open.people.self()
      return person === null || select === undefined ? person : unlessEqual(before, select(person.state, person.clientId))
    },
  )
}

/**
 * The document's presence with types, as `session.presence` has it: to share who this is, to say where it looks and to move the cursor, and for `others` and `cursors`.
 * With the options of the first that asks.
 */
export function presence<State extends object = PresenceState, Cursor = unknown>(
  document: Documents,
  options: PresenceOptions<State> = {},
): Readable<SessionPresence<State, Cursor> | null> {
  return of<OpenDocument, SessionPresence<State, Cursor> | null>(
    document,
    null,
    () => () => {},
    (open) => open.presence<State, Cursor>(options),
  )
}

/** The cursors of those who look where this client looks. */
export function cursors<State extends object, Cursor>(
  presence: Readable<SessionPresence<State, Cursor> | null>,
): Readable<readonly ParticipantCursor<State, Cursor>[]> {
  return of<SessionPresence<State, Cursor>, readonly ParticipantCursor<State, Cursor>[]>(
    presence,
    [],
    (shared, changed) => shared.on('cursors', changed),
    (shared) => shared.cursors,
  )
}

/** What is in a shared type of the document, as `toJSON()` answers it; undefined while there is no document. */
export function y<Type extends SharedType>(
  document: Documents,
  type: (doc: Y.Doc) => Type,
): Readable<ReturnType<Type['toJSON']> | undefined>
/**
 * What `select` makes of a shared type of the document, such as `y(note, (doc) => doc.getText('body'), (text) => text.length)`;
 * undefined while there is no document. It is another value only when that is deeply another; select values, since a shared type itself
 * stays the same object whatever changes in it.
 */
export function y<Type extends SharedType, Selected>(
  document: Documents,
  type: (doc: Y.Doc) => Type,
  select: (type: Type) => Selected,
): Readable<Selected | undefined>
export function y<Type extends SharedType>(
  document: Documents,
  type: (doc: Y.Doc) => Type,
  select: (type: Type) => unknown = contentOf,
): Readable<unknown> {
  return of<OpenDocument, unknown>(
    document,
    undefined,
    ({ doc }, changed) => new WatchedType(type(doc)).subscribe(changed),
    ({ doc }, before) => unlessEqual(before, select(type(doc))),
  )
}

/**
 * A copy of the document to try something out in. What was not merged when nobody is subscribed any more is given up. To keep one longer, make it with
 * `$document.session.fork()`.
 */
export function draft(document: Documents): Readable<ShownDraft | null> {
  return ofKept<ShownDraft | null>(document, null, keptDraft)
}

/** Undo of what is edited here while somebody is subscribed, in what `scope` answers, by default the whole document. */
export function undo(document: Documents, scope?: UndoScopeOf, options: UndoOptions = {}): Readable<ShownUndo> {
  return ofKept(document, nothingToUndo, (open) => keptUndo(open, scope, options))
}

/** The versions of the document, newest first, asked for when somebody subscribes. It takes the right `admin`; without it `error` is a RefusedError. */
export function versions(document: Documents, choice: VersionsChoice = {}): Readable<Versions> {
  const watched = new WeakMap<OpenDocument, WatchedVersions>()
  const watchedOf = (open: OpenDocument): WatchedVersions => {
    const known = watched.get(open) ?? watchedVersions(open.session, choice)
    watched.set(open, known)
    return known
  }
  return of(
    document,
    versionsOf(null, noVersions),
    (open, changed) => watchedOf(open).subscribe(changed),
    (open) => versionsOf(watchedOf(open), watchedOf(open).state()),
  )
}
