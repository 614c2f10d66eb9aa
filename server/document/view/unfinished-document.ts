// Who is let in to a document that is being made: whoever makes it, and nobody else before it is finished.
import { WeftError } from '../../../core/errors.js'
import { isUnfinished } from '../../../persistence/unfinished.js'
import type { UnfinishedManner } from '../port.js'

/** Why a session is not let in to a document of this incarnation, as sessions are told it; null if it is. */
export function whyNotYet(incarnation: string, manner: UnfinishedManner = 'refused'): WeftError | null {
  if (manner === 'passed-on') return null
  if (manner !== 'refused')
    // Where edits are shown first, something of the owner's stands behind it.
    return incarnation.split('.')[0] === manner.made ? null : importedElsewhere()
  return isUnfinished(incarnation)
    ? new WeftError(
        'document-unfinished',
        'This document is being imported and is there once all of it is; if that was interrupted, import it again, or delete it.',
      )
    : null
}

/** Another import of the document took over. */
export function importedElsewhere(): WeftError {
  return new WeftError(
    'request-running',
    'Somebody else has imported this document meanwhile, or deleted it; look at it before you import it again.',
  )
}
