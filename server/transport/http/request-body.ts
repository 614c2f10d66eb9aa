// The body of a request, read from node:http: bounded, counted, and given up when it does not move.
import type { IncomingMessage } from 'node:http'
import { afterAwake } from '../../../core/after-awake.js'
import type { Clock, Timer } from '../../../core/clock.js'
import type { MemoryCharge } from '../../../core/memory-budget.js'

/** A body of which less comes in one period of the heartbeat is not waited for. */
export const PROGRESS_BYTES_MIN = 4 * 1024

export interface BodyOptions {
  readonly clock: Clock
  readonly bytesMax: number
  /** How long each 4 KiB, or the rest, may take. */
  readonly progressMsMax: number
  /** What is held of it. */
  readonly charge: MemoryCharge
}

/** All of the body; `too-large` for one that is longer than may be; null for one that ended early or did not move. Never rejects. */
export function readBody(request: IncomingMessage, options: BodyOptions): Promise<Uint8Array | 'too-large' | null> {
  const { clock, bytesMax, progressMsMax, charge } = options
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve('too-large')
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let bytes = 0
    let seen = 0
    let timer: Timer
    const done = (result: Uint8Array | 'too-large' | null): void => {
      timer.cancel()
      request.off('data', arrived)
      resolve(result)
    }
    const watch = (): Timer =>
      afterAwake(clock, progressMsMax, () => {
        if (bytes - seen < PROGRESS_BYTES_MIN) {
          done(null)
          request.destroy()
          return
        }
        seen = bytes
        timer = watch()
      })
    const arrived = (piece: Buffer): void => {
      bytes += piece.length
      if (bytes > bytesMax) {
        done('too-large')
        return
      }
      charge.set(bytes)
      pieces.push(piece)
    }
    timer = watch()
    request.on('data', arrived)
    request.once('end', () => done(Buffer.concat(pieces)))
    request.once('close', () => done(null))
    request.once('error', () => done(null))
  })
}
