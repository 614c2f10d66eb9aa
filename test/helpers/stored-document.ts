// What the embedded store holds of a document, read from its folder after the server has stopped.
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'

/** The document as the snapshot and the log give it: one Yjs update. */
export async function storedDocument(dataFolder: string, documentId: string): Promise<Uint8Array> {
  const store = await openLmdbStore({
    folder: dataFolder,
    clock: systemClock,
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
  })
  try {
    const { snapshot, tail } = await store.openDocument(documentId)
    const doc = new Y.Doc()
    if (snapshot !== null) Y.applyUpdate(doc, snapshot.state)
    for (const row of tail) Y.applyUpdate(doc, row.update)
    return Y.encodeStateAsUpdate(doc)
  } finally {
    await store.close()
  }
}
