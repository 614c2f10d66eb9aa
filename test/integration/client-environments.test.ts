// The client where a platform lacks what browsers and Node have, as React Native on Hermes does.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startLocalServer } from '../helpers/local-server.js'

const run = promisify(execFile)

test('the client loads, edits and shows cursors without TextDecoder, isWellFormed, addEventListener, BroadcastChannel and crypto', async (context) => {
  const { server, webSocketUrl } = await startLocalServer()
  context.after(() => server.close())
  const modules = {
    client: new URL('../../client/index.js', import.meta.url).href,
    yjs: import.meta.resolve('yjs'),
    ws: import.meta.resolve('ws'),
  }
  // A program of its own: what is missing has to be missing before anything is loaded.
  const program = `
    for (const name of ['TextDecoder', 'TextEncoder', 'BroadcastChannel', 'crypto', 'addEventListener', 'removeEventListener', 'WebSocket']) {
      delete globalThis[name]
      if (name in globalThis) throw new Error(name + ' is still there')
    }
    delete String.prototype.isWellFormed
    delete String.prototype.toWellFormed
    const { connect } = await import(${JSON.stringify(modules.client)})
    const Y = await import(${JSON.stringify(modules.yjs)})
    const { WebSocket } = await import(${JSON.stringify(modules.ws)})
    const [ada, grace] = ['Ada \\u{1f9f6}', 'Grace'].map((name) => {
      const connection = connect(${JSON.stringify(webSocketUrl)}, { WebSocket })
      const session = connection.open('caf\\u00e9/\\u{1f9f6}', new Y.Doc())
      session.awareness.setLocalState({ name })
      return { connection, session }
    })
    await Promise.all([ada.session.synced, grace.session.synced])
    ada.session.doc.getText('body').insert(0, 'typed \\u{1f9f6} \\ufeff')
    await ada.session.saved()
    const seen = new Promise((resolve) => {
      const look = () => {
        const names = [...grace.session.awareness.getStates().values()].map((state) => state.name)
        if (names.includes('Ada \\u{1f9f6}') && grace.session.doc.getText('body').length > 0) resolve()
      }
      grace.session.awareness.on('change', look)
      grace.session.doc.on('update', look)
      look()
    })
    await seen
    console.log(JSON.stringify([grace.session.doc.getText('body').toString(), ada.session.status.state]))
    let refusal = 'none'
    try {
      ada.connection.open('\\ud800', new Y.Doc())
    } catch (error) {
      refusal = error.code
    }
    console.log(refusal)
    // An attempt that fails waits a random time.
    const nobody = connect('ws://127.0.0.1:1', { WebSocket, logger: { debug() {}, info() {}, warn() {}, error() {} } })
    await new Promise((resolve) => nobody.on('status', ({ state }) => state === 'offline' && resolve()))
    await Promise.all([ada.connection, grace.connection, nobody].map((connection) => connection.close()))
    console.log('closed')
  `
  try {
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 180_000 })
    assert.deepEqual(stdout.split('\n'), [JSON.stringify(['typed \u{1f9f6} \ufeff', 'saved']), 'invalid-document-id', 'closed', ''])
    assert.equal(stderr, '')
  } finally {
    await server.close()
  }
})
