// The client while its server is killed and started again: nothing that was typed is lost, and the status tells the truth.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { statesOf, type } from '../helpers/client-fixture.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

test('D3: a server killed while people type loses nothing, and nobody is told "saved" too early', async (context) => {
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const options = { logger: silentLogger, backoff: { baseMs: 20, capMs: 200 } }
  const connections = [connect(server.webSocketUrl, options), connect(server.webSocketUrl, options)]
  const docs = [new Y.Doc(), new Y.Doc()]
  const sessions = docs.map((doc, index) => (connections[index] ?? connect(server.webSocketUrl)).open('a', doc))
  const states = sessions.map(statesOf)
  let typed = 0
  const typeOne = (): void => {
    typed += 1
    for (const doc of docs) type(doc, `${typed} `)
  }
  try {
    await Promise.all(sessions.map((session) => session.synced))
    for (let kill = 0; kill < 3; kill++) {
      for (let key = 0; key < 20; key++) {
        typeOne()
        await new Promise((resolve) => setImmediate(resolve))
      }
      await server.kill()
      typeOne()
      await eventually('offline', () => sessions.every((session) => session.status.state === 'offline'))
      typeOne()
      assert.ok(sessions.every((session) => session.unsaved > 0))
      await server.restart()
      await Promise.all(sessions.map((session) => session.saved()))
    }
    const [first, second] = docs
    assert.ok(first !== undefined && second !== undefined)
    await eventually('the same state', () => canonicalState(first) === canonicalState(second))
    await server.kill()
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, 'a'))
    assert.equal(canonicalState(stored), canonicalState(first))
    const words = first.getText('body').toString().split(' ').filter(Boolean)
    for (let number = 1; number <= typed; number++) assert.equal(words.filter((word) => word === String(number)).length, 2, `${number}`)
    for (const list of states) assert.ok(list.includes('offline') && list.includes('saving') && list.includes('saved'))
  } finally {
    await Promise.all(connections.map((connection) => connection.close()))
    await server.dispose()
  }
})
