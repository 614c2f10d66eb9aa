// The HTTP application on node:http: answers that nobody takes are counted, bounded and dropped.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Clock } from '../../core/clock.js'
import type { Limits } from '../../core/limits.js'
import type { MemoryAccount } from '../../core/memory-budget.js'
import { SharedTurns } from '../../core/shared-turns.js'
import type { Application } from './application.js'
import { problemOf } from './framework/problems.js'
import { HeldAnswers } from './held-answers.js'

export interface RequestListenerOptions {
  readonly clock: Clock
  readonly limits: Pick<Limits, 'answerBytesMax' | 'answerMsMax'>
  /** Of answers that are not taken yet (G8). */
  readonly memory: MemoryAccount
}

/** What has to be taken of an answer, or to come of a body, in `answerMsMax`. */
const PROGRESS_BYTES_MIN = 256 * 1024

/** Answers requests; never throws. */
export function createRequestListener(
  application: Application,
  { clock, limits, memory }: RequestListenerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const held = new HeldAnswers(memory)
  const turns = new SharedTurns(clock)
  const listener = getRequestListener(
    async (request, bindings) => {
      const { incoming, outgoing } = bindings as { incoming: IncomingMessage; outgoing: ServerResponse }
      const answer = await application(request, { incoming, outgoing })
      const length = Number(answer.headers.get('Content-Length') ?? 0)
      if (length > 0) held.hold(incoming, outgoing, length)
      return answer
    },
    { overrideGlobalObjects: false, hostname: 'localhost' },
  )
  return (request, response) => {
    // A body that comes too slowly, and an answer that is taken too slowly, are not waited for; what moves piece by piece is. How long the
    // work in between takes is bounded by whoever does it.
    const { socket } = request
    const sentNow = (): number => socket.bytesRead
    const takenNow = (): number => socket.bytesWritten - socket.writableLength
    let sent = sentNow()
    let taken = takenNow()
    const look = (): void => {
      const isTooSlow = response.headersSent
        ? takenNow() - taken < PROGRESS_BYTES_MIN
        : !request.complete && sentNow() - sent < PROGRESS_BYTES_MIN
      if (isTooSlow) {
        socket.destroy()
        return
      }
      sent = sentNow()
      taken = takenNow()
      timer = clock.after(limits.answerMsMax, look, { unref: true })
    }
    let timer = clock.after(limits.answerMsMax, look, { unref: true })
    response.once('close', () => timer.cancel())
    if (held.bytes > limits.answerBytesMax) {
      const body = `${JSON.stringify(problemOf(503, 'overloaded', 'This server has too many answers that nobody takes; ask again.'))}\n`
      response.writeHead(503, {
        'Content-Type': 'application/problem+json; charset=utf-8',
        'Content-Length': Buffer.byteLength(body),
        'Retry-After': '5',
      })
      response.end(body)
      return
    }
    // A hundred requests that arrive at once are begun in several turns of the event loop (G7).
    turns.add(() => {
      if (!socket.destroyed) void listener(request, response)
      return false
    })
  }
}
