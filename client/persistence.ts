// Keeping documents on this device, so that a reload without a network shows them with what was not yet saved.
import type * as Y from 'yjs'

/** One document's copy on this device. */
export interface LocalCopy {
  /** Resolves when what was stored has been applied to the document; rejects when it cannot be read. */
  readonly loaded: Promise<void>
  /** Finishes what runs and lets go. Removes nothing. */
  close(): Promise<void>
}

export interface DocumentPersistence {
  /** Loads the stored copy into `doc` and from then on stores every change of it. */
  open(documentId: string, doc: Y.Doc): LocalCopy
}

export interface IndexedDbOptions {
  /** Comes before the document id in the database's name, to keep applications and users of one origin apart. Default `weft:`. */
  readonly prefix?: string
}

/** Documents in the browser's IndexedDB, by the optional peer dependency `y-indexeddb`, which is loaded with the first document. */
export function indexedDbPersistence(options: IndexedDbOptions = {}): DocumentPersistence {
  const prefix = options.prefix ?? 'weft:'
  return {
    open(documentId, doc) {
      const provider = openProvider(prefix + documentId, doc)
      return {
        loaded: provider.then(async (opened) => {
          // Where it cannot be opened, as in private windows, nothing is ever loaded.
          await opened._db
          await opened.whenSynced
        }),
        close: async () => {
          try {
            await (await provider).destroy()
          } catch {
            // It never opened, which `loaded` has said.
          }
        },
      }
    },
  }
}

async function openProvider(name: string, doc: Y.Doc) {
  if (!('indexedDB' in globalThis)) throw new Error('There is no IndexedDB here.')
  const { IndexeddbPersistence } = await importProvider()
  const provider = new IndexeddbPersistence(name, doc)
  const store = provider._storeUpdate
  doc.off('update', store)
  // What it throws (the device is full, or the browser took the database away) would be thrown to whoever types.
  provider._storeUpdate = (update, origin) => {
    try {
      store(update, origin)
    } catch (error) {
      console.warn('weft: Edits are not kept on this device any more.', error)
      doc.off('update', provider._storeUpdate)
    }
  }
  doc.on('update', provider._storeUpdate)
  return provider
}

async function importProvider() {
  // The try tells bundlers that the package may be missing.
  try {
    return await import('y-indexeddb')
  } catch (error) {
    throw new Error('The package y-indexeddb is not installed.', { cause: error })
  }
}
