// The states of one document's synchronisation, and what they mean to the application.
import { unreachable } from '../core/assert.js'
import type { Timer } from '../core/clock.js'
import type { Refusal } from './errors.js'
import type { Link } from './link.js'
import type { SessionStatus } from './status.js'

export type SyncPhase =
  /** What is stored on this device is being read; `link` is kept for afterwards. `reason` as in `offline`. */
  | { readonly kind: 'loading'; readonly link: Link | null; readonly reason: string | null }
  /** No link. `reason` is null while the first attempt is under way. */
  | { readonly kind: 'offline'; readonly reason: string | null }
  /** The token is being fetched. */
  | { readonly kind: 'preparing'; readonly link: Link; readonly timer: Timer }
  /** The server has been asked to open the document. */
  | { readonly kind: 'opening'; readonly link: Link; readonly channel: number }
  /** `resumed` is what the server had when this client asked for what came after a seq; null when it asked otherwise. */
  | { readonly kind: 'catching-up'; readonly link: Link; readonly channel: number; readonly resumed: Uint8Array | null }
  | { readonly kind: 'live'; readonly link: Link; readonly channel: number }
  /** The server ended the session but not the socket; it is opened again when the timer fires. */
  | { readonly kind: 'retrying'; readonly link: Link; readonly reason: string; readonly timer: Timer }
  /** `scope` says what was refused. A document stays refused when the socket is replaced; `link` is for asking again. */
  | { readonly kind: 'refused'; readonly scope: 'connection' | 'document'; readonly link: Link | null; readonly refusal: Refusal }
  | { readonly kind: 'closed' }

/** Whether submissions are sent while there is a channel. */
export type SubmissionFlow =
  | { readonly kind: 'open' }
  /** The server could not take one now. */
  | { readonly kind: 'pausing'; readonly timer: Timer }
  /** The server will not take one. A later edit may have made what is unsaved acceptable, so it is tried again after an edit. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly timer: Timer | null }

/** What to tell the application. `unsaved` is the number of local updates that are not acknowledged. */
export function statusOf(phase: SyncPhase, flow: SubmissionFlow, unsaved: number): SessionStatus {
  switch (phase.kind) {
    case 'loading':
      return { state: 'connecting' }
    case 'offline':
      return phase.reason === null ? { state: 'connecting' } : { state: 'offline', reason: phase.reason }
    case 'preparing':
    case 'opening':
    case 'catching-up':
      return { state: 'syncing' }
    case 'live':
      if (flow.kind === 'refused') return { state: 'refused', ...flow.refusal }
      return unsaved > 0 ? { state: 'saving' } : { state: 'saved' }
    case 'retrying':
      return { state: 'offline', reason: phase.reason }
    case 'refused':
      return { state: 'refused', ...phase.refusal }
    case 'closed':
      return { state: 'offline', reason: 'The session is closed.' }
    default:
      return unreachable(phase)
  }
}
