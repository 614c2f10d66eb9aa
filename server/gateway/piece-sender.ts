// Sends something large to one client, piece by piece: while there is room for another one, and in turn with all other sessions.
import type { Counters } from '../../core/counters.js'
import type { Transfer } from '../document/port.js'
import type { Connection } from '../transport/connection.js'
import type { Outbox } from '../transport/outbox.js'
import type { SessionDialect } from './session-dialect.js'

export interface PieceSenderOptions {
  readonly connection: Connection
  readonly dialect: SessionDialect
  readonly outbox: Outbox
  readonly counters: Counters
  /** What the client is taking; null: nothing. */
  readonly transfer: () => Transfer | null
  /** Its last piece was sent. */
  readonly completed: () => void
}

export class PieceSender {
  readonly #options: PieceSenderOptions
  /** Whether the connection will tell when a piece may follow. */
  #room: 'unasked' | 'awaited' = 'unasked'
  /** It has its turns to send. */
  #sending = false

  constructor(options: PieceSenderOptions) {
    this.#options = options
  }

  /** Sends what there is room for, and goes on when there is more. */
  send(): void {
    const { connection, transfer } = this.#options
    if (transfer() === null || this.#sending) return
    this.#sending = true
    connection.sending.add(() => {
      this.#sending = this.#sendPiece()
      return this.#sending
    })
  }

  /** True if another one may follow at once. */
  #sendPiece(): boolean {
    const { connection, dialect, outbox, counters, completed } = this.#options
    const { manner } = dialect
    const transfer = this.#options.transfer()
    if (transfer === null || manner === null || outbox.isLagging) return false
    const { room } = connection.windows
    if (room === 0) {
      this.#awaitRoom()
      return false
    }
    const piece = transfer.next(Math.min(room, manner.pieceBytesMax(transfer.bytes)))
    if (piece === null) {
      completed()
      // What came meanwhile may be as large.
      return this.#options.transfer() !== null
    }
    outbox.send(dialect.piece(piece))
    counters.add('transfer_bytes_sent', piece.length)
    connection.windows.sent(piece.length, manner.fastShare)
    return !outbox.isLagging
  }

  #awaitRoom(): void {
    if (this.#room === 'awaited') return
    this.#room = 'awaited'
    this.#options.connection.windows.whenRoom(() => {
      this.#room = 'unasked'
      this.send()
    })
  }
}
