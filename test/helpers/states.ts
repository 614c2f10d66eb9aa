// Comparing documents, and waiting until they agree.
import * as Y from 'yjs'

/**
 * The whole state of a document in one canonical form: passed through a fresh document, so that two copies that hold the same structs and
 * deletions give the same text, however their histories were cut into transactions.
 */
export function canonicalState(doc: Y.Doc): string {
  const fresh = new Y.Doc()
  Y.applyUpdate(fresh, Y.encodeStateAsUpdate(doc))
  const state = Y.encodeStateAsUpdate(fresh)
  const waits = fresh.store.pendingStructs !== null
  fresh.destroy()
  return waits ? withStringsJoined(state) : Buffer.from(state).toString('base64')
}

/** For what waits for structs that are missing: Yjs leaves that as it was cut on its way, and a string may have been cut anywhere. */
function withStringsJoined(state: Uint8Array): string {
  const { structs, ds } = Y.decodeUpdate(state)
  const lines: string[] = []
  let last: Y.Item | null = null
  for (const struct of structs) {
    const item: Y.Item | null = struct instanceof Y.Item && struct.content instanceof Y.ContentString ? struct : null
    if (last !== null && item !== null && goesOn(last, item)) lines.push(`${lines.pop()}${textOf(item)}`)
    else if (item !== null) lines.push(JSON.stringify([item.id, item.origin, item.rightOrigin, item.parent, item.parentSub]) + textOf(item))
    else lines.push(encodedAlone(struct))
    last = item
  }
  const deleted = [...ds.clients].map(([client, ranges]) => JSON.stringify([client, ranges]))
  return [...lines, ...deleted.sort()].join('\n')
}

function textOf(item: Y.Item): string {
  return item.content instanceof Y.ContentString ? item.content.str : ''
}

/** Whether `next` is what was typed right after `item`, in one string with it. */
function goesOn(item: Y.Item, next: Y.Item): boolean {
  const isNeighbour = next.id.client === item.id.client && next.id.clock === item.id.clock + item.length
  return isNeighbour && Y.compareIDs(next.origin, item.lastId) && Y.compareIDs(next.rightOrigin, item.rightOrigin)
}

function encodedAlone(struct: Y.Item | Y.GC | Y.Skip): string {
  const encoder = new Y.UpdateEncoderV1()
  struct.write(encoder, 0)
  return `${JSON.stringify(struct.id)} ${Buffer.from(encoder.toUint8Array()).toString('base64')}`
}

/** Resolves once `holds` is true, looking every few milliseconds; rejects with `what` if it is not within `limitMs`. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, limitMs = 40_000): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${limitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
