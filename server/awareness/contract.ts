// What the awareness of a document and the sessions on it ask of each other.
import type { WeftError } from '../../core/errors.js'
import type { SpeakerIdentity } from './stamp.js'

/** One beat's changes. The same object goes to every session, so a dialect encodes its frame once and keeps it here. */
export interface AwarenessFrame {
  /** An encoded awareness update. Shared between sessions: never modify it. */
  readonly update: Uint8Array
  /** One encoded frame per dialect, such as 'y-websocket' or 'weft:1'. */
  readonly frames: Map<string, Uint8Array>
}

/** What a document's awareness tells a session. */
export interface AwarenessSink {
  /** Sends a frame, or drops it when the session cannot take it now; then the session sends `fullState()` later. Must not throw. */
  awareness(frame: AwarenessFrame): void
  /** Something that its client said was left out, and others do not hear it. Called once for each session and kind. Must not throw. */
  leftOut(error: WeftError): void
  /**
   * Whether this session's client is really there: true on a pong, false if it is gone or silent. Must settle in bounded time.
   * Asked when another session claims one of its client ids.
   */
  probe(): Promise<boolean>
}

/** A session's place in the awareness of one document. */
export interface AwarenessSessionPort {
  /**
   * Takes an encoded awareness update from the client. What it may not say is ignored and counted (A2).
   * Throws `malformed` when the bytes, or a state that would have been passed on, are not well formed.
   */
  receive(bytes: Uint8Array): void
  /** Takes an update of a client whose states others may not see, for where it looks alone. Throws `malformed`. */
  look(bytes: Uint8Array): void
  /**
   * Everybody's state, with the removals since the session joined (so that a session that missed frames loses its ghosts, A5), as awareness
   * updates of bounded size in any order; none when there is nothing to say. They are shared: never modify them.
   */
  fullState(): readonly Uint8Array[]
  /** Who the session is from now on, for presence, and for its states where they are stamped. */
  identify(identity: SpeakerIdentity): void
  /** Removes the session's states at once (A4). Idempotent; nothing is called on the sink afterwards. */
  leave(): void
}
