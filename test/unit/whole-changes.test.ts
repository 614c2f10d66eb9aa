// Editors see whole changes, however a change travels. The bindings of ProseMirror (Tiptap, BlockNote) delete what is not valid content, such as a list
// whose items have not arrived yet, from the document: for everybody. So half a change that is shown is text that is lost. See docs/decisions/0011.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Schema } from '@tiptap/pm/model'
import { yXmlFragmentToProseMirrorRootNode } from '@tiptap/y-tiptap'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { eventually } from '../helpers/states.js'

const schema = new Schema({
  nodes: {
    doc: { content: 'block+' },
    text: { group: 'inline' },
    paragraph: { group: 'block', content: 'inline*' },
    list: { group: 'block', content: 'item+' },
    item: { content: 'paragraph+' },
  },
})

/** As `y-prosemirror` does at every change: builds the nodes, and deletes those of which no valid node can be made. */
function bindEditor(doc: Y.Doc): void {
  doc.on('afterTransaction', () => void yXmlFragmentToProseMirrorRootNode(doc.getXmlFragment('default'), schema))
}

/** One list, in one transaction, that is larger than any piece that it could be cut into. */
function paste(doc: Y.Doc, text: string): void {
  doc.transact(() => {
    const list = new Y.XmlElement('list')
    const items = Array.from({ length: 1_000 }, (_, index) => {
      const item = new Y.XmlElement('item')
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText(`${text} ${index} ${'x'.repeat(150)}`)])
      item.insert(0, [paragraph])
      return item
    })
    list.insert(0, items)
    doc.getXmlFragment('default').push([list])
  })
}

const count = (doc: Y.Doc, text: string): number => doc.getXmlFragment('default').toString().split(`${text} `).length - 1

test('S1: an editor that is bound while a large document or paste arrives sees no half of it, and removes nothing', async () => {
  const { server, webSocketUrl } = await startLocalServer()
  const [writer, reader, stock] = [new Y.Doc(), new Y.Doc(), new Y.Doc()]
  const connections = [writer, reader].map(() => connect(webSocketUrl, { logger: silentLogger }))
  const everywhere = (text: string) => eventually(`"${text}"`, () => [writer, reader, stock].every((doc) => count(doc, text) === 1_000))
  let provider: WebsocketProvider | null = null
  try {
    const writing = connections[0]?.open('list', writer)
    paste(writer, 'first')
    await writing?.saved()

    for (const doc of [reader, stock]) bindEditor(doc)
    connections[1]?.open('list', reader)
    const polyfill = WebSocket as unknown as typeof globalThis.WebSocket
    provider = new WebsocketProvider(webSocketUrl, 'list', stock, { WebSocketPolyfill: polyfill, disableBc: true })
    await everywhere('first')

    paste(writer, 'from our client')
    await everywhere('from our client')
    paste(stock, 'from a stock client')
    await everywhere('from a stock client')
    for (const text of ['first', 'from our client', 'from a stock client']) {
      for (const doc of [writer, reader, stock]) assert.equal(count(doc, text), 1_000, text)
    }
  } finally {
    provider?.destroy()
    for (const doc of [writer, reader, stock]) doc.destroy()
    await Promise.all(connections.map((connection) => connection.close()))
    await server.close()
  }
})
