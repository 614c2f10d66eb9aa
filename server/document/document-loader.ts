// Reads a document from the store and makes the owner that has it in memory.
import type { Clock } from '../../core/clock.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import { runAtOnce, runInSlices } from '../../core/slices.js'
import type { Fence, StoredDocument } from '../../persistence/store.js'
import { DocumentOwner, type OwnerEvents } from './document-owner.js'
import type { DocumentObserver } from './observer.js'
import { type OpenedDocument, openingStored } from './open-document.js'
import type { OwnerEnvironment } from './owner-environment.js'
import { ownerMoved } from './view/session-slots.js'

export interface DocumentLoaderOptions {
  /** The fence under which this process owns the document's shard; null if it does not. */
  readonly fenceOf: (documentId: string) => Fence | null
  readonly environment: OwnerEnvironment
  readonly events: OwnerEvents
  readonly observer: DocumentObserver | null
}

/** Why nobody waits for a document any more; null while somebody does. */
type GivenUp = () => WeftError | null

const OPENED_AT_ONCE_BYTES_MAX = 64 * 1024

export class DocumentLoader {
  readonly #options: DocumentLoaderOptions

  constructor(options: DocumentLoaderOptions) {
    this.#options = options
  }

  /** One consistent read. Rejects with why it was given up, `owner-moved`, what the program's hook says, or what the store says: never with less than all of it (D4). */
  async load(documentId: string, givenUp: GivenUp): Promise<DocumentOwner> {
    try {
      const { fenceOf, environment, events } = this.#options
      const { store, random, clock } = environment
      // Ownership first, the read after it: nobody else can append in between without this fence failing.
      const fence = fenceOf(documentId)
      if (fence === null) throw ownerMoved()
      throwIf(givenUp())
      const opened = await openInTurns(documentId, await store.openDocument(documentId), random, clock, givenUp)
      const quota = (await environment.quotas?.of(documentId, opened.head === 0)) ?? null
      throwIf(givenUp())
      const current = fenceOf(documentId)
      if (current === null || current.epoch !== fence.epoch || current.boot !== fence.boot) throw ownerMoved()
      const owner = new DocumentOwner(documentId, fence, opened, environment, events, quota)
      if (owner.blank) await this.#begin(owner, givenUp)
      return owner
    } catch (thrown) {
      throw readFailed(thrown)
    }
  }

  /** A document that was never written begins with what the program has for it, before anybody is let in. */
  async #begin(owner: DocumentOwner, givenUp: GivenUp): Promise<void> {
    const { observer } = this.#options
    if (observer === null || observer.firstContent === null) return
    try {
      const content = await observer.firstContent(owner.documentId)
      if (content !== null && givenUp() === null) await submitFirst(owner, content)
      throwIf(givenUp())
    } catch (thrown) {
      owner.stop(asWeftError(thrown))
      throw thrown
    }
  }
}

async function openInTurns(
  documentId: string,
  stored: StoredDocument,
  random: OwnerEnvironment['random'],
  clock: Clock,
  givenUp: GivenUp,
): Promise<OpenedDocument> {
  const opening = openingStored(documentId, stored, random)
  const opened = isSmall(stored) ? runAtOnce(opening) : await runInSlices(opening, clock, () => givenUp() !== null)
  throwIf(givenUp())
  if (opened === null) throw ownerMoved()
  return opened
}

/** Whether a document takes a few milliseconds to open, so that it need not be opened in slices. */
function isSmall({ snapshot, tail }: StoredDocument): boolean {
  let bytes = snapshot?.state.length ?? 0
  for (const { update } of tail) bytes += update.length
  return bytes <= OPENED_AT_ONCE_BYTES_MAX
}

/** Resolves once the first content of a document is committed. */
function submitFirst(owner: DocumentOwner, content: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const ignore = (): void => {}
    const attachment = owner.attach({
      sink: {
        catchUp: ignore,
        beat: ignore,
        pause: ignore,
        resume: ignore,
        acknowledged: () => {
          resolve()
          attachment.detach()
        },
        refused: (_submission, error) => reject(error),
        detached: reject,
      },
    })
    attachment.submit(1, content, null)
  })
}

function throwIf(error: WeftError | null): void {
  if (error !== null) throw error
}

/** D4: whatever went wrong, the join fails, and the client may try again. */
function readFailed(thrown: unknown): WeftError {
  if (thrown instanceof WeftError) return thrown
  return new WeftError('store-unavailable', 'The document could not be read; try again later.', { cause: asWeftError(thrown) })
}
