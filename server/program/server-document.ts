// A document as the embedding program reads and edits it: by the same path as a client's edit, on whichever node owns it.
import * as Y from 'yjs'
import { type Random, randomId } from '../../core/random.js'
import type { Attachment, DocumentDirectory, SessionSink } from '../document/port.js'
import type { History } from '../history/history.js'
import type { AppMessages } from '../messages/app-messages.js'

/** Of an edit by the program. */
export interface TransactOptions {
  /** Whom the edit is by, in the log and in the history. Default: nobody known. */
  readonly user?: string | null
}

/** An edit by the program that is committed. */
export interface Transacted<Result> {
  /** What `change` returned. */
  readonly result: Result
  /** The document's seq with the edit in it; null if nothing was changed. */
  readonly seq: number | null
}

/** A document as the embedding program reads and edits it; made by `server.document(id)`. */
export interface ServerDocument {
  readonly documentId: string
  /** The document as it is now, for you alone: nobody sees what you do with it. It is decoded on the event loop; destroy it when you are done. */
  read(): Promise<Y.Doc>
  /**
   * Changes the document: `change` gets it as it is now, and what it does to it is one edit, which merges with what others do meanwhile. Resolves once that is
   * committed (D1). `change` must not wait for anything: one that is async is refused with a TypeError. Rejects with what it throws, and then nothing was changed; and with
   * what refuses a client's edit.
   */
  transact<Result>(change: (doc: Y.Doc) => Result, options?: TransactOptions): Promise<Transacted<Result>>
  /**
   * Says something to everybody who has the document open, on all nodes: no edit. It arrives at most once and is never stored. `user` is who says it. Throws
   * `message-too-large`.
   */
  broadcast(payload: string, options?: SayOptions): void
  /**
   * Closes all sessions that clients have on the document: on this node when it resolves, on the others within 5 s. Who still may comes back at once, and is asked about
   * anew; nobody loses what they typed.
   */
  closeSessions(): Promise<void>
}

/** Of something that is said to clients and is no edit. */
export interface SayOptions {
  /** Default: nobody known. */
  readonly user?: string | null
}

/** Somebody who may be connected. */
export interface Reachable {
  /** Says something to them, on all nodes: at most once, never stored, and nobody knows whether they are there. Throws `message-too-large`. */
  send(payload: string, options?: SayOptions): void
}

export interface ProgramDocumentsOptions {
  readonly directory: DocumentDirectory
  readonly history: Pick<History, 'apply'>
  readonly messages: Pick<AppMessages, 'send'>
  readonly closeSessions: (documentId: string) => Promise<void>
  readonly random: Random
}

/** Users whose client ids are remembered; others get new ones. */
const USERS_MAX = 1_000

/** Of one node. */
export class ProgramDocuments {
  readonly #options: ProgramDocumentsOptions
  /** The last transaction of each document that has any: they take turns, so that each knows the ones before. */
  readonly #turns = new Map<string, Promise<unknown>>()
  /** One for all transactions of a user: a document does not collect a client id for each of them, and who wrote what is known by client ids. */
  readonly #clientIds = new Map<string | null, number>()

  constructor(options: ProgramDocumentsOptions) {
    this.#options = options
  }

  document(documentId: string): ServerDocument {
    return {
      documentId,
      read: () => readDocument(this.#options.directory, documentId),
      transact: (change, { user = null } = {}) => this.#inTurn(documentId, () => this.#transact(documentId, change, user)),
      closeSessions: () => this.#options.closeSessions(documentId),
      broadcast: (payload, { user = null } = {}) => this.#options.messages.send({ kind: 'document', documentId }, payload, user),
    }
  }

  /** All sessions of a user: on each of their connections one is told. */
  user(id: string): Reachable {
    return {
      send: (payload, { user = null } = {}) => this.#options.messages.send({ kind: 'user', user: id, documentId: null }, payload, user),
    }
  }

  session(sessionId: string): Reachable {
    return {
      send: (payload, { user = null } = {}) => this.#options.messages.send({ kind: 'session', sessionId, documentId: null }, payload, user),
    }
  }

  async #inTurn<Result>(documentId: string, run: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(documentId) ?? Promise.resolve()
    const turn = before.then(run, run)
    this.#turns.set(documentId, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(documentId) === turn) this.#turns.delete(documentId)
    }
  }

  #clientIdOf(user: string | null): number {
    const known = this.#clientIds.get(user)
    if (known !== undefined) return known
    const [oldest] = this.#clientIds.keys()
    if (this.#clientIds.size >= USERS_MAX && oldest !== undefined) this.#clientIds.delete(oldest)
    const made = newClientId(this.#options.random)
    this.#clientIds.set(user, made)
    return made
  }

  async #transact<Result>(documentId: string, change: (doc: Y.Doc) => Result, user: string | null): Promise<Transacted<Result>> {
    const doc = await readDocument(this.#options.directory, documentId)
    try {
      doc.clientID = this.#clientIdOf(user)
      const updates: Uint8Array[] = []
      doc.on('update', (update: Uint8Array) => void updates.push(update))
      const result = doc.transact(() => change(doc))
      if (isPromise(result)) {
        // Nobody else waits for it.
        void Promise.resolve(result).catch(() => {})
        throw new TypeError(
          'transact takes a function that does not wait: what comes after its first await would be lost. Get what it needs before, and pass a function that is not async.',
        )
      }
      if (updates.length === 0) return { result, seq: null }
      const [only] = updates
      const update = updates.length === 1 && only !== undefined ? only : Y.mergeUpdates(updates)
      const { seq } = await this.#options.history.apply(documentId, [update], user)
      return { result, seq }
    } catch (thrown) {
      // It may have been committed all the same: an id that is used twice for different things would be the end of the document.
      this.#clientIds.delete(user)
      throw thrown
    } finally {
      doc.destroy()
    }
  }
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function'
}

function newClientId(random: Random): number {
  return Number.parseInt(randomId(random, 4), 16)
}

async function readDocument(directory: DocumentDirectory, documentId: string): Promise<Y.Doc> {
  let attachment: Attachment | null = null
  try {
    const updates = await new Promise<readonly Uint8Array[]>((resolve, reject) => {
      const ignore = (): void => {}
      const sink: SessionSink = {
        catchUp: (state) => resolve(state.updates),
        beat: ignore,
        acknowledged: ignore,
        refused: ignore,
        pause: ignore,
        resume: ignore,
        detached: reject,
      }
      directory.attach(documentId, { sink }).then((attached) => {
        attachment = attached
        attached.sync({ kind: 'nothing' })
      }, reject)
    })
    const doc = new Y.Doc()
    for (const update of updates) Y.applyUpdate(doc, update)
    return doc
  } finally {
    ;(attachment as Attachment | null)?.detach()
  }
}
