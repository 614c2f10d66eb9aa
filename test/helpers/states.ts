// Comparing documents, and waiting until they agree.
import * as Y from 'yjs'

/**
 * The whole state of a document in one canonical encoding: passed through a fresh document, so that two copies that hold the same structs and
 * deletions give the same bytes, however their histories were cut into transactions.
 */
export function canonicalState(doc: Y.Doc): string {
  const fresh = new Y.Doc()
  Y.applyUpdate(fresh, Y.encodeStateAsUpdate(doc))
  const state = Buffer.from(Y.encodeStateAsUpdate(fresh)).toString('base64')
  fresh.destroy()
  return state
}

/** Resolves once `holds` is true, looking every few milliseconds; rejects with `what` if it is not within `limitMs`. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, limitMs = 40_000): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${limitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
