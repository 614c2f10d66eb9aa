// Several nodes in one process, with real sockets: clients on any node edit one document, whoever owns it and however it moves.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { type } from '../helpers/client-fixture.js'
import { type ClusterNode, TestCluster } from '../helpers/cluster.js'
import { canonicalState, eventually } from '../helpers/states.js'

interface Client {
  readonly doc: Y.Doc
  readonly session: DocumentSession
}

function openOn(context: TestContext, node: ClusterNode, documentId: string): Client {
  const connection = connect(node.url, { logger: silentLogger })
  context.after(() => connection.close())
  const doc = new Y.Doc()
  return { doc, session: connection.open(documentId, doc) }
}

async function converged(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map(({ session }) => session.saved()))
  await eventually('the same state everywhere', () => new Set(clients.map(({ doc }) => canonicalState(doc))).size === 1)
}

test('S1: clients on any node edit one document and converge', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2 })
  const clients = cluster.nodes.flatMap((node) => [openOn(context, node, 'notes/today'), openOn(context, node, 'notes/today')])
  await Promise.all(clients.map(({ session }) => session.synced))
  for (let key = 0; key < 20; key++) {
    for (const { doc } of clients) type(doc, `${key} `)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await converged(clients)
  const expected = Array.from({ length: 20 }, (_, key) => `${key} `.length * clients.length).reduce((sum, length) => sum + length)
  assert.equal(clients[0]?.doc.getText('body').length, expected)
})
