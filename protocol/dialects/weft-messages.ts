// What is said in the weft dialect, by clients and by servers. See docs/protocol.md for the bytes.
import type { Permission } from '../../core/permission.js'

/** What a client already has of a document. A seq only counts together with the incarnation it was seen in. */
export type KnownOnWire =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'state-vector'; readonly stateVector: Uint8Array }
  | { readonly kind: 'seq'; readonly incarnation: string; readonly seq: number; readonly stateVector: Uint8Array }

/** Among those who have the document open. */
export type MessageTarget =
  | { readonly kind: 'document' }
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'session'; readonly id: string }

export type WeftClientMessage =
  /** The first message, once. */
  | { readonly type: 'hello'; readonly agent: string; readonly token: string }
  /** `channel` is chosen by the client, counts up and is never reused on a connection. */
  | { readonly type: 'open'; readonly channel: number; readonly documentId: string; readonly token: string; readonly known: KnownOnWire }
  | { readonly type: 'sync'; readonly channel: number; readonly known: KnownOnWire }
  /** `submission` counts up from 1 per channel. */
  | { readonly type: 'submit'; readonly channel: number; readonly submission: number; readonly update: Uint8Array }
  /** Bytes of the next `submit` on this channel, in front of those in it. */
  | { readonly type: 'part'; readonly channel: number; readonly bytes: Uint8Array }
  /** Between nodes only: who wrote the submissions on this channel that follow. An empty id: nobody knows. */
  | { readonly type: 'author'; readonly channel: number; readonly user: string }
  /** Between nodes only: how the next submission on this channel is followed, as a W3C `traceparent`. Empty: this end wants to hear of updates that are. */
  | { readonly type: 'trace'; readonly channel: number; readonly context: string }
  | { readonly type: 'awareness'; readonly channel: number; readonly update: Uint8Array }
  /** Something that an application says to others: no edit. */
  | { readonly type: 'message'; readonly channel: number; readonly to: MessageTarget; readonly payload: string }
  | { readonly type: 'token'; readonly channel: number; readonly token: string }
  | { readonly type: 'close'; readonly channel: number }
  | { readonly type: 'ping' }
  /** Between nodes only: something to do with a document that this node owns, as JSON. `request` counts up from 1 per connection. */
  | { readonly type: 'command'; readonly request: number; readonly documentId: string; readonly command: string }

export interface Refusal {
  readonly closeCode: number
  readonly code: string
  readonly reason: string
  readonly retryable: boolean
}

export type WeftServerMessage =
  | { readonly type: 'welcome'; readonly serverId: string; readonly messageBytesMax: number; readonly pingPeriodMs: number }
  | {
      readonly type: 'opened'
      readonly channel: number
      readonly incarnation: string
      readonly seq: number
      readonly stateVector: Uint8Array
      readonly permission: Permission
    }
  /** A catch-up; ordered before later updates. */
  | { readonly type: 'state'; readonly channel: number; readonly seq: number; readonly updates: readonly Uint8Array[] }
  | { readonly type: 'update'; readonly channel: number; readonly seq: number; readonly update: Uint8Array }
  /** Between nodes only: how the next `update` on this channel is followed. */
  | { readonly type: 'trace'; readonly channel: number; readonly context: string }
  /** Part of the `state` or `update` that follows on this channel. Claims no seq. */
  | { readonly type: 'piece'; readonly channel: number; readonly update: Uint8Array }
  /** Every submission numbered `through` or lower that was not refused is committed. */
  | { readonly type: 'acknowledged'; readonly channel: number; readonly through: number; readonly seq: number }
  /** One submission was not and will not be written. */
  | ({ readonly type: 'refused'; readonly channel: number; readonly submission: number } & Refusal)
  /** The session ended; the socket stays. */
  | ({ readonly type: 'closed'; readonly channel: number } & Refusal)
  | { readonly type: 'awareness'; readonly channel: number; readonly update: Uint8Array }
  /** What an application says. `user` and `session`: who; empty where nobody knows, and where it is the server's program. */
  | { readonly type: 'message'; readonly channel: number; readonly user: string; readonly session: string; readonly payload: string }
  | { readonly type: 'permission'; readonly channel: number; readonly permission: Permission }
  /** The client's right to the document ends after this time, unless it shows another token. */
  | { readonly type: 'expires'; readonly channel: number; readonly inMs: number }
  /** Something that the client sent had to be left out. The session goes on. */
  | ({ readonly type: 'notice'; readonly channel: number } & Refusal)
  | { readonly type: 'drain'; readonly retryAfterMs: number }
  /** What to show as a subprotocol when the client comes back, see core/resumption.ts. */
  | { readonly type: 'resumption'; readonly resumption: string }
  | { readonly type: 'pong' }
  /** What a `command` asked for is done. */
  | { readonly type: 'done'; readonly request: number }
  /** It is not, or nobody knows. */
  | ({ readonly type: 'not-done'; readonly request: number } & Refusal)
