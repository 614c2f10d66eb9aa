// A complete program with the unchanged y-websocket provider: the same document, the same port, no Weft code in the client.
// Run it against a server that listens on port 1234: node dist/examples/stock-y-websocket.js [url] [document]
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const [url = 'ws://127.0.0.1:1234', documentId = 'notes/today'] = process.argv.slice(2)

const doc = new Y.Doc()
// Node 20 has no WebSocket of its own; a browser needs no polyfill.
const provider = new WebsocketProvider(url, documentId, doc, { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket })
await new Promise<void>((resolve) => provider.once('sync', () => resolve()))

const text = doc.getText('text')
text.insert(text.length, `Hello from y-websocket in process ${process.pid}.\n`)
console.log(text.toString())
// This provider does not tell when an edit has arrived; closing its socket sends what is under way.
provider.destroy()
doc.destroy()
