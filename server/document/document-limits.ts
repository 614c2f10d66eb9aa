// Whether a document may take an update, by what it would then hold. What is bounded is what costs whoever opens the document: its clients
// and this server.
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Sliced } from '../../core/slices.js'
import type { InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'

/**
 * `storedBytes`: base, tail and what waits to be stored. `added`: an update of which nothing is known. Why it is refused, or null;
 * `unclear` if only `refusing` can tell.
 */
export function refusalAtOnce(
  added: InspectedUpdate,
  known: KnownState,
  limits: Limits,
  storedBytes: number,
): WeftError | null | 'unclear' {
  const { documentBytesMax, structsPerDocumentMax } = limits
  // Deletes cut structs into parts, each of which costs bytes: the document has to fit with these as well.
  if (storedBytes + known.cutBytes + added.bytes.length > documentBytesMax) return tooLarge(`${documentBytesMax} bytes`)
  if (added.structCount > 0 && known.structCount + added.structCount > structsPerDocumentMax)
    return tooLarge(`${structsPerDocumentMax} structs`)
  const { clientsPerDocumentMax, deleteRangesPerDocumentMax, waitingClientsPerDocumentMax, gapsPerDocumentMax } = limits
  // Most updates are of one client and far from any bound, so that it is enough to look at their length.
  const parts = added.structCount + added.deletes.length + added.deleteRangeCount
  const room = Math.min(
    clientsPerDocumentMax - Math.max(known.clientCount, known.deletedClientCount),
    deleteRangesPerDocumentMax - known.deleteRangeCount,
    waitingClientsPerDocumentMax - known.gappedClientCount,
    gapsPerDocumentMax - known.gapCount,
  )
  return parts <= room ? null : 'unclear'
}

/** Why an update is refused that `refusalAtOnce` was unclear about, or null. */
export function* refusing(added: InspectedUpdate, known: KnownState, limits: Limits): Sliced<WeftError | null> {
  const { clientsPerDocumentMax, deleteRangesPerDocumentMax, waitingClientsPerDocumentMax, gapsPerDocumentMax } = limits
  const growth = yield* known.growing(added)
  if (growth.clients > 0 && known.clientCount + growth.clients > clientsPerDocumentMax)
    return tooLarge(`${clientsPerDocumentMax} client ids`)
  if (growth.deletedClients > 0 && known.deletedClientCount + growth.deletedClients > clientsPerDocumentMax)
    return tooLarge(`deletes of ${clientsPerDocumentMax} client ids`)
  if (growth.deleteRanges > 0 && known.deleteRangeCount + growth.deleteRanges > deleteRangesPerDocumentMax)
    return tooLarge(`${deleteRangesPerDocumentMax} delete ranges`)
  if (growth.gappedClients > 0 && known.gappedClientCount + growth.gappedClients > waitingClientsPerDocumentMax)
    return missing(`of more than ${waitingClientsPerDocumentMax} client ids`)
  if (growth.gaps > 0 && known.gapCount + growth.gaps > gapsPerDocumentMax) return missing(`in more than ${gapsPerDocumentMax} places`)
  return null
}

function tooLarge(what: string): WeftError {
  return new WeftError('document-too-large', `The document would grow past ${what}.`)
}

function missing(where: string): WeftError {
  return new WeftError(
    'dependencies-missing',
    `With this update edits ${where} would wait for others that have not come; send those first.`,
  )
}
