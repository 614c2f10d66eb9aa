// Bounds the sockets of an HTTP server on which nothing is asked: those that were idle longest are closed, so that whoever only opens
// sockets keeps nobody out. A socket that became a WebSocket is counted by the gateway.
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.js'

/** A socket that has just come has not had the time to ask for anything. */
const IDLE_MS_MIN = 1_000

export function boundIdleSockets(
  server: Server,
  { clock, idleSocketsMax }: { readonly clock: Clock; readonly idleSocketsMax: number },
): void {
  /** Since when each has been idle, the longest first. */
  const idle = new Map<Socket, number>()
  const becomesIdle = (socket: Socket): void => {
    if (socket.destroyed) return
    idle.set(socket, clock.monotonic())
    for (const [oldest, since] of idle) {
      if (idle.size <= idleSocketsMax || clock.monotonic() - since < IDLE_MS_MIN) return
      idle.delete(oldest)
      oldest.destroy()
    }
  }
  server.on('connection', (socket) => {
    becomesIdle(socket)
    socket.once('close', () => idle.delete(socket))
  })
  server.on('request', ({ socket }, response) => {
    idle.delete(socket)
    response.once('close', () => becomesIdle(socket))
  })
  server.on('upgrade', ({ socket }) => void idle.delete(socket))
}
