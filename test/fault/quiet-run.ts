// Stock clients that do nothing for as long as one likes: they give up a socket on which no message came for 30 s of real time.
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

/** How often each of two quiet clients, one with and one without awareness, lost its connection. */
export async function runQuiet(seconds: number): Promise<{ readonly present: number; readonly silent: number }> {
  const server = await ServerProcess.start()
  // In documents of their own, so that nobody's awareness keeps the other awake.
  const connect = (documentId: string): { provider: WebsocketProvider; closes: () => number } => {
    const provider = new WebsocketProvider(server.webSocketUrl, documentId, new Y.Doc(), {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    let closes = 0
    provider.on('connection-close', () => closes++)
    return { provider, closes: () => closes }
  }
  const present = connect('present')
  const silent = connect('silent')
  silent.provider.awareness.setLocalState(null)
  try {
    await eventually('both are synced', () => present.provider.synced && silent.provider.synced)
    await sleep(1_000 * seconds)
    return { present: present.closes(), silent: silent.closes() }
  } finally {
    for (const { provider } of [present, silent]) {
      provider.destroy()
      provider.doc.destroy()
    }
    await server.dispose()
  }
}
