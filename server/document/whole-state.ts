// A whole document as it was through a seq, in one update: what a version stores.
import { WeftError } from '../../core/errors.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Compactor } from './compaction.js'

/**
 * Rejects with `no-such-document` and `document-corrupt` as `readAt` does,
 * with `document-quarantined` where it cannot be applied that far, and with `document-too-large` where putting it together would take more
 * than a compaction may.
 */
export async function wholeStateAt(
  store: Pick<DocumentStore, 'readAt'>,
  compactor: Compactor,
  documentId: string,
  seq: number,
  keepDeleted: boolean,
): Promise<{ readonly incarnation: string; readonly state: Uint8Array }> {
  const { incarnation, snapshot, tail } = await store.readAt(documentId, { seq })
  if (incarnation === null) throw new WeftError('no-such-document', 'There is no such document.')
  if (snapshot !== null && tail.length === 0) return { incarnation, state: snapshot.state }
  const result = await compactor.compact({ base: snapshot?.state ?? null, tail: tail.map(({ update }) => update), keepDeleted })
  switch (result.outcome) {
    case 'compacted':
      return { incarnation, state: result.state }
    case 'poisoned':
      throw new WeftError('document-quarantined', 'The document cannot be applied up to that point, so it cannot be kept as a version.')
    case 'too-costly':
      throw new WeftError('document-too-large', 'Putting the document together would take more memory or time than a compaction may.')
  }
}
