// A connection, and the documents that components have open over it, as stores.

import type { SavedState } from '../binding/document-status.js'
import type { DocumentOptions, OpenDocument } from '../binding/open-document.js'
import { OpenDocuments } from '../binding/open-documents.js'
import { keptSubdocument, type SubdocumentOptions } from '../binding/subdocument.js'
import type { WeftConnection } from '../connection.js'
import { connect } from '../index.js'
import type { ConnectOptions } from '../options.js'
import { type Readable, readable } from './readable.js'
import { ofKept } from './stores.js'

/** Either where to connect to, and how, as for `connect`; or a connection that the application made and closes. */
export type WeftSource =
  | { readonly url: string; readonly options?: ConnectOptions | undefined; readonly connection?: undefined }
  | { readonly connection: WeftConnection; readonly url?: undefined; readonly options?: undefined }

export interface Weft {
  /** The connection, to call `retry()` on for example; null until the first document is opened, and where a server renders. */
  readonly connection: Readable<WeftConnection | null>
  /** What is true of all documents taken together, those included that were left before they were saved. */
  readonly allSaved: Readable<SavedState>
  /**
   * The document of this name, with its session: null where a server renders. It is open while somebody is subscribed, in however many
   * components, and closed when the last of them is gone and everything is saved.
   */
  document(name: string, options?: DocumentOptions): Readable<OpenDocument | null>
  /**
   * The subdocument of this guid as a document for the other stores, loaded and open while somebody is subscribed, over the same connection; null while there is none.
   * It is unloaded when the last one is gone and everything is saved.
   */
  subdocument(document: Readable<OpenDocument | null>, guid: string, options?: SubdocumentOptions): Readable<OpenDocument | null>
  /** Lets the connection go once everything is saved. A document that is asked for later makes another. */
  close(): void
}

/** Nothing is connected before the first document is asked for. */
export function createWeft(source: WeftSource): Weft {
  const { connection, url, options } = source
  const documents = new OpenDocuments(connection ?? (() => connect(url, options)))
  let release: (() => void) | null = null
  const following = <Value>(read: () => Value): Readable<Value> =>
    readable(read, (set) => {
      const stop = documents.subscribe(() => set(read()))
      set(read())
      return stop
    })
  return {
    connection: following(documents.connection),
    allSaved: following(documents.summary),
    document: (name, documentOptions = {}) =>
      readable<OpenDocument | null>(
        () => null,
        (set) => {
          // A server that renders subscribes, too, and lets go at once.
          if (typeof document === 'undefined') return () => {}
          release ??= documents.retain()
          const leave = documents.acquire(name, documentOptions)
          const stop = documents.subscribe(() => set(documents.get(name)))
          set(documents.get(name))
          return () => {
            stop()
            leave()
          }
        },
      ),
    subdocument: (document, guid, subdocumentOptions = {}) =>
      ofKept<OpenDocument | null>(document, null, (open) => keptSubdocument(documents, open, guid, subdocumentOptions)),
    close() {
      release?.()
      release = null
    },
  }
}
