// The worker of `sharedWebSocket`: a script of the application's imports it, and is started as a SharedWorker.
import { systemClock } from '../../core/clock.js'
import type { WebSocketConstructor } from '../transports/web-socket.js'
import type { PagePort, WantsSocket } from './port.js'
import { SharedSockets } from './sockets.js'

interface SharedWorkerScope {
  onconnect: ((event: { readonly ports: readonly MessagePort[] }) => void) | null
}

const locks = (navigator as Partial<Navigator>).locks
const sockets = new SharedSockets({
  WebSocket: WebSocket as WebSocketConstructor,
  clock: systemClock,
  gone: locks === undefined ? null : (lock) => locks.request(lock, () => {}),
})

;(globalThis as unknown as SharedWorkerScope).onconnect = ({ ports }) => {
  for (const page of ports) {
    page.onmessage = ({ data, ports: [port] }: MessageEvent<WantsSocket>) => {
      if (data.kind === 'connect' && port !== undefined) sockets.connect(data.url, data.protocols, data.lock, port as PagePort)
    }
  }
}
