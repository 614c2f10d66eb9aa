// The demo's session with the server: our client, seen the way the page needs it.
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { connect, indexedDbPersistence, type SessionStatus } from '../../client/index.js'
import type { SavedState } from './saved-state.js'
import { demoToken } from './token.js'

export interface DemoSession {
  readonly awareness: Awareness
  /** Resolves when the text on the page is the document: the server sent it, or the copy in this browser is all there is for now. */
  readonly readable: Promise<void>
  /** How many edits the server has not acknowledged. */
  unsaved(): number
  /** Calls back now and at each change. */
  onState(listener: (state: SavedState) => void): void
}

function savedState(status: SessionStatus, unsaved: number): SavedState {
  switch (status.state) {
    case 'connecting':
    case 'syncing':
    case 'saved':
      return { kind: status.state }
    case 'saving':
    case 'offline':
      return { kind: status.state, unsaved }
    case 'refused':
      return { kind: 'refused', reason: status.reason }
  }
}

/** Opens `documentId` on the server that the page came from. `keepCopy`: keep the document in this browser's IndexedDB as well. */
export function openSession(documentId: string, doc: Y.Doc, keepCopy: boolean): DemoSession {
  const connection = connect(new URL('./', location.href).href.replace(/^http/, 'ws'), { token: demoToken() })
  const session = connection.open(documentId, doc, { persistence: keepCopy ? indexedDbPersistence() : null })
  const listeners: ((state: SavedState) => void)[] = []
  const state = (): SavedState => savedState(session.status, session.unsaved)

  const report = (): void => {
    for (const listener of listeners) listener(state())
  }
  session.on('status', report)
  session.on('unsaved', report)

  const readable = new Promise<void>((resolve) => {
    session.synced.then(
      () => resolve(),
      // Refused: the indicator says so, and the text stays read-only.
      () => {},
    )
    const offlineIsEnough = (): void => {
      if (session.status.state === 'offline') resolve()
    }
    session.on('status', offlineIsEnough)
    offlineIsEnough()
  })

  return {
    awareness: session.awareness,
    readable,
    unsaved: () => session.unsaved,
    onState(listener) {
      listeners.push(listener)
      listener(state())
    },
  }
}
