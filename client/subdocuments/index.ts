// The subdocuments of a document, each as a document of the server of its own, over the same connection, opened when it is loaded.
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { WeftConnection } from '../connection.js'
import type { DocumentSession } from '../document-session.js'
import type { OpenOptions } from '../options.js'

export interface SubdocumentsOptions {
  /** The id of a subdocument on the server. Default: that of the document, `/`, and the guid. Whoever may edit the document chooses guids. */
  readonly id?: (subdocument: Y.Doc) => string
  /** As for `connection.open`. Default: those of the connection. */
  readonly options?: (subdocument: Y.Doc) => OpenOptions
  /** What cannot be opened, such as one with too long a guid. Default: the console. */
  readonly onError?: (error: unknown, subdocument: Y.Doc) => void
}

interface SubdocumentsEvent {
  readonly loaded: ReadonlySet<Y.Doc>
  readonly removed: ReadonlySet<Y.Doc>
}

interface Opened {
  readonly session: DocumentSession
  /** Those in it. */
  readonly inner: Subdocuments
}

export class Subdocuments {
  readonly #connection: WeftConnection
  readonly #session: DocumentSession<Awareness | null>
  readonly #options: SubdocumentsOptions
  readonly #opened = new Map<Y.Doc, Opened>()

  /** @internal */
  constructor(connection: WeftConnection, session: DocumentSession<Awareness | null>, options: SubdocumentsOptions) {
    this.#connection = connection
    this.#session = session
    this.#options = options
    const { doc } = session
    doc.on('subdocs', this.#changed)
    doc.on('destroy', this.#ended)
    for (const subdocument of doc.subdocs) if (subdocument.shouldLoad) this.#open(subdocument)
  }

  /** Of a subdocument that was loaded; undefined for any other. */
  session(subdocument: Y.Doc): DocumentSession | undefined {
    for (const [doc, { session, inner }] of this.#opened) {
      const found = doc === subdocument ? session : inner.session(subdocument)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Of all that are open, those within subdocuments too. */
  get sessions(): readonly DocumentSession[] {
    return [...this.#opened.values()].flatMap(({ session, inner }) => [session, ...inner.sessions])
  }

  /** How many of their updates are not acknowledged. */
  get unsaved(): number {
    return this.sessions.reduce((sum, { unsaved }) => sum + unsaved, 0)
  }

  /** Resolves when everything in them so far is on the server's disk. Rejects as `session.saved()` does. */
  async saved(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.saved()))
  }

  /** Closes their sessions, and opens none any more. The documents stay as they are. Idempotent. */
  async close(): Promise<void> {
    this.#session.doc.off('subdocs', this.#changed)
    this.#session.doc.off('destroy', this.#ended)
    await Promise.all([...this.#opened.keys()].map((subdocument) => this.#leave(subdocument)))
  }

  readonly #changed = ({ loaded, removed }: SubdocumentsEvent): void => {
    for (const subdocument of removed) void this.#leave(subdocument)
    for (const subdocument of loaded) if (!this.#opened.has(subdocument)) this.#open(subdocument)
  }

  readonly #ended = (): void => void this.close()

  #open(subdocument: Y.Doc): void {
    const { id, options, onError = report } = this.#options
    try {
      const documentId = id === undefined ? `${this.#session.documentId}/${subdocument.guid}` : id(subdocument)
      const session = this.#connection.open(documentId, subdocument, options?.(subdocument) ?? {}) as DocumentSession
      this.#opened.set(subdocument, {
        session,
        inner: new Subdocuments(this.#connection, session as DocumentSession<Awareness | null>, this.#options),
      })
    } catch (error) {
      // Thrown to Yjs, it would keep the document's other observers from hearing of the change.
      onError(error, subdocument)
    }
  }

  async #leave(subdocument: Y.Doc): Promise<void> {
    const opened = this.#opened.get(subdocument)
    if (opened === undefined) return
    this.#opened.delete(subdocument)
    await Promise.all([opened.inner.close(), opened.session.close()])
  }
}

function report(error: unknown, { guid }: Y.Doc): void {
  console.warn('weft: A subdocument cannot be opened.', { guid, error })
}

/**
 * Opens the subdocuments of a session's document on the connection, each when it is loaded (`subdocument.load()`, or `autoLoad`), and closes each when it is removed or
 * unloaded (`subdocument.destroy()`). Those in subdocuments too.
 */
export function openSubdocuments(
  connection: WeftConnection,
  session: DocumentSession<Awareness | null>,
  options: SubdocumentsOptions = {},
): Subdocuments {
  return new Subdocuments(connection, session, options)
}
