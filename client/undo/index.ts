// Undo that follows a session: one's own edits, of whatever origin, and never those of others.
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { DocumentSession } from '../document-session.js'
import { Draft } from '../draft.js'
import { Emitter } from '../emitter.js'

export interface UndoOptions {
  /** Edits within so many milliseconds are one step. Default: 500. */
  readonly captureTimeoutMs?: number
}

/** What can be undone: the whole document, or some of its types with all that is in them. */
export type UndoScope = ConstructorParameters<typeof Y.UndoManager>[0]

/** Yjs asks it whether an origin is tracked: which edits are one's own is told by their transactions. */
class AnyOrigin extends Set<unknown> {
  override has(): boolean {
    return true
  }
}

export class UndoHistory {
  /** For editor bindings that take one. */
  readonly manager: Y.UndoManager
  readonly #session: DocumentSession<Awareness | null>
  readonly #emitter = new Emitter<{ changed: undefined }>(['changed'], (error) => {
    throw error
  })
  readonly #stop: readonly (() => void)[]

  /** @internal */
  constructor(session: DocumentSession<Awareness | null>, scope: UndoScope, { captureTimeoutMs = 500 }: UndoOptions) {
    this.#session = session
    this.manager = new Y.UndoManager(scope, {
      doc: session.doc,
      captureTimeout: captureTimeoutMs,
      trackedOrigins: new AnyOrigin(),
      // What comes from the server, a copy on this device or another provider is applied by transactions that are not local; so is a draft that is merged.
      captureTransaction: ({ local, origin }) => local || origin instanceof Draft,
    })
    const changed = (): void => this.#emitter.emit('changed', undefined)
    for (const event of ['stack-item-added', 'stack-item-updated', 'stack-item-popped', 'stack-cleared'] as const) {
      this.manager.on(event, changed)
    }
    this.#stop = [
      session.on('permission', changed),
      // What was typed before the connection was lost, and after it is back, are steps of their own: others have edited in between.
      session.on('synced', () => this.manager.stopCapturing()),
    ]
  }

  /** False where there is nothing of one's own, and while this client may only read. */
  get canUndo(): boolean {
    return this.manager.canUndo() && this.#mayWrite
  }

  get canRedo(): boolean {
    return this.manager.canRedo() && this.#mayWrite
  }

  /** Takes back the last step, and leaves what others have made of it since. Answers whether something changed. */
  undo(): boolean {
    return this.canUndo && this.manager.undo() !== null
  }

  redo(): boolean {
    return this.canRedo && this.manager.redo() !== null
  }

  /** What follows is a step of its own. */
  separate(): void {
    this.manager.stopCapturing()
  }

  /** When `canUndo` or `canRedo` may be another. Listens until the returned function is called. */
  on(name: 'changed', listener: () => void): () => void {
    return this.#emitter.on(name, listener)
  }

  /** Forgets everything and stops. Idempotent. A document that is destroyed does the same. */
  close(): void {
    for (const stop of this.#stop) stop()
    this.#emitter.clear()
    this.manager.destroy()
  }

  get #mayWrite(): boolean {
    return this.#session.permission !== 'read-only'
  }
}

/** Undo for what is edited here, in `scope`. Where editors bring an undo of their own, turn that off, or give them `manager`. */
export function undoHistory(session: DocumentSession<Awareness | null>, scope: UndoScope, options: UndoOptions = {}): UndoHistory {
  return new UndoHistory(session, scope, options)
}
