// A complete program with Weft's client in Node: opens a document, types into it, and waits until it is on the server's disk.
// Run it against a server that listens on port 1234: node dist/examples/node-client.js [url] [document]
import * as Y from 'yjs'
import { connect } from '../client/index.js'

const [url = 'ws://127.0.0.1:1234', documentId = 'notes/today'] = process.argv.slice(2)

const doc = new Y.Doc()
const connection = connect(url)
const session = connection.open(documentId, doc)
await session.synced // what the server had is here

const text = doc.getText('text')
text.insert(text.length, `Hello from process ${process.pid}.\n`)
await session.saved() // what was typed is on disk

console.log(text.toString())
await connection.close()
