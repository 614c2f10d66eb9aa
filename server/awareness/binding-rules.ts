// Who may speak for a client id (A2): of a document's sessions, and of the sessions of other nodes.
import type { Origin } from './bus.js'
import { type Binding, type ClientRecord, type Speaker, unbound } from './record.js'

/** Whether a session that is not bound to an id may take it without asking. */
export function mayTake(session: Speaker, record: ClientRecord): boolean {
  const isOwnId = session.ownId === record.clientId
  switch (record.binding.kind) {
    case 'none':
      return true
    case 'remote':
      return isOwnId
    case 'session':
      // A sibling tab that relayed this client's state before the client's own socket opened gives way to it.
      return isOwnId && record.binding.session.ownId !== record.clientId
  }
}

/** Whether a client that was removed may be there again: nobody else speaks for its id, or it is at the very clock of its removal. */
export function mayAnnounce(record: ClientRecord, session: Speaker, clock: number): boolean {
  return clock === record.clock || record.binding.kind === 'none' || isBoundTo(record, session)
}

export function isBoundTo(record: ClientRecord, session: Speaker): boolean {
  return record.binding.kind === 'session' && record.binding.session === session
}

/** A session keeps its own id, so that nobody takes it while its client is only hiding. */
export function bindingAfterRemoval(record: ClientRecord): Binding {
  const { binding } = record
  return binding.kind === 'session' && binding.session.ownId === record.clientId ? binding : unbound
}

/** The node from which a session that speaks for an id took it. */
export function takenFrom(record: ClientRecord | undefined, session: Speaker): Origin | null {
  if (record === undefined) return null
  const { binding } = record
  if (binding.kind === 'remote') return binding.origin
  return binding.kind === 'session' && binding.session === session ? binding.takenFrom : null
}
