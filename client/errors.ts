// What the client reports to the application when the server says no, or when a session ends before its work was done.
import { closeCodes } from '../core/errors.js'

/** The server's (or, for what cannot even be sent, the client's) reason for refusing something. */
export interface Refusal {
  /** A short name such as `forbidden` or `document-too-large`. New servers may send names that this client does not know. */
  readonly code: string
  /** 4400–4499: trying again does not help. 4500–4599: it does. */
  readonly closeCode: number
  /** Plain words, fit to be shown. */
  readonly reason: string
}

/** `synced` and `saved()` reject with it when the server refused the document or an edit for good. */
export class RefusedError extends Error implements Refusal {
  /** For programs, such as `forbidden`; it does not change between versions. */
  readonly code: string
  /** The WebSocket close code of it, from 4400 on. */
  readonly closeCode: number
  /** Plain words, fit to be shown. */
  readonly reason: string

  constructor(refusal: Refusal) {
    super(`Refused (${refusal.code}, ${refusal.closeCode}): ${refusal.reason}`)
    this.name = 'RefusedError'
    this.code = refusal.code
    this.closeCode = refusal.closeCode
    this.reason = refusal.reason
  }
}

/** `synced` and `saved()` reject with it when the session or its connection was closed first. */
export class SessionClosedError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SessionClosedError'
  }
}

/** What the close codes of a whole connection are called, as in the refusals of a session. */
const refusalCodes: ReadonlyMap<number, string> = new Map([
  [closeCodes.malformed, 'malformed'],
  [closeCodes.unauthenticated, 'unauthenticated'],
  [closeCodes.forbidden, 'forbidden'],
  [closeCodes.noSuchDocument, 'no-such-document'],
  [closeCodes.superseded, 'superseded'],
  [closeCodes.tooLarge, 'message-too-large'],
])

/** What a close code between 4400 and 4499 is called. */
export function refusalCodeOf(closeCode: number): string {
  return refusalCodes.get(closeCode) ?? 'refused'
}
