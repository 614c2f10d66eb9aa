// A client as a program of its own, for runtimes other than the one that runs the tests. Arguments: the server's address, a document, a word to append
// or nothing. Prints the state of the session and the text, as JSON.
import * as Y from 'yjs'
import { connect } from '../../client/index.js'

const [url = '', documentId = '', word = ''] = process.argv.slice(2)
const doc = new Y.Doc()
const connection = connect(url)
const session = connection.open(documentId, doc)
await session.synced
session.awareness.setLocalState({ user: { name: word } })
const text = doc.getText('body')
if (word !== '') text.insert(text.length, word)
await session.saved()
console.log(JSON.stringify({ state: session.status.state, text: text.toString() }))
await connection.close()
