// The answers to a client's pings. Clients count them to learn what has arrived: each ping is answered, but behind a full outbox only once that
// has drained.
import { encodeWeftServer } from '../../../protocol/dialects/weft.js'
import type { Connection } from '../../transport/connection.js'

/** Far more than a client has under way that waits for its answers: one that pings without reading gets no queue of them. */
const PONGS_OWED_MAX = 100

const pong = encodeWeftServer({ type: 'pong' })

export class OwedPongs {
  readonly #connection: Connection
  readonly #bytesHigh: number
  #owed = 0

  /** `bytesHigh`: what may wait in the outbox. */
  constructor(connection: Connection, bytesHigh: number) {
    this.#connection = connection
    this.#bytesHigh = bytesHigh
  }

  answer(): void {
    const connection = this.#connection
    if (connection.waitingBytes <= this.#bytesHigh) {
      connection.send(pong)
      return
    }
    if (this.#owed >= PONGS_OWED_MAX) return
    this.#owed += 1
    if (this.#owed > 1) return
    connection.whenWaitingAtMost(this.#bytesHigh, () => {
      const owed = this.#owed
      this.#owed = 0
      for (let count = 0; count < owed; count++) connection.send(pong)
    })
  }
}
