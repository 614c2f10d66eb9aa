// What the embedded store of a server that does not run holds, read without a server.
import { strict as assert } from 'node:assert'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { openLmdbStore } from '../../persistence/index.js'

export interface DocumentOnDisk {
  readonly doc: Y.Doc
  readonly head: number
}

/** The named documents, each once. Fails on a hole or an unreadable row (D5). */
export async function readFromDisk(folder: string, documentIds: readonly string[]): Promise<Map<string, DocumentOnDisk>> {
  const store = await openLmdbStore({
    folder,
    clock: systemClock,
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
  })
  const found = new Map<string, DocumentOnDisk>()
  for (const documentId of documentIds) {
    const stored = await store.openDocument(documentId)
    const doc = new Y.Doc()
    if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.state)
    let seq = stored.snapshot?.seq ?? 0
    for (const row of stored.tail) {
      seq++
      assert.equal(row.seq, seq, `D5: ${documentId} has seq ${row.seq} where ${seq} belongs`)
      Y.applyUpdate(doc, row.update)
    }
    assert.equal(stored.head, seq, `D5: the head of ${documentId}`)
    found.set(documentId, { doc, head: seq })
  }
  await store.close()
  return found
}
