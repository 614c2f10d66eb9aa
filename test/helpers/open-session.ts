// A session of our client on a connection of its own, both gone after the test.
import type { TestContext } from 'node:test'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'

export function openSession(context: TestContext, url: string, documentId: string, token = ''): DocumentSession {
  const connection = connect(url, { token, logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}
