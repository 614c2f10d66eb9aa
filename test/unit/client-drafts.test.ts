// What is beside the client's core: drafts, undo of one's own edits, and subdocuments over the same connection.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { openSubdocuments } from '../../client/subdocuments/index.js'
import { undoHistory } from '../../client/undo/index.js'
import { clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

async function setUp(doc = new Y.Doc()) {
  const fixture = clientFixture()
  const connection = fixture.connect()
  const session = connection.open('a', doc)
  await fixture.clock.settle()
  const text = (of: Y.Doc = doc): string => of.getText('body').toString()
  return { ...fixture, connection, session, doc, text }
}

test('what is edited in a draft stays in it until it is merged, what others edit comes in, and a merge is saved like any edit', async () => {
  const { clock, server, connection, session, doc, text } = await setUp()
  type(doc, 'Hello. ')
  await clock.settle()
  const draft = session.fork()
  assert.deepEqual([text(draft.doc), draft.changed], ['Hello. ', false])
  draft.doc.getText('body').delete(0, 5)
  draft.doc.getText('body').insert(0, 'Goodbye')
  await clock.settle()
  assert.deepEqual([text(), server.text('a'), session.unsaved, draft.changed], ['Hello. ', 'Hello. ', 0, true])
  server.write('a', updateWith('From another. '))
  await clock.settle()
  assert.ok(text().includes('From another. ') && text(draft.doc).includes('From another. '))
  const origins: unknown[] = []
  doc.on('afterTransaction', ({ origin }) => origins.push(origin))
  draft.merge()
  assert.deepEqual([origins, draft.changed], [[draft], false])
  await session.saved()
  assert.equal(text(), text(draft.doc))
  assert.ok(server.text('a').includes('Goodbye. ') && !server.text('a').includes('Hello'))
  draft.doc.getText('body').insert(0, 'Again. ')
  draft.merge()
  assert.ok(text().startsWith('Again. '), 'a draft goes on after it was merged')
  draft.close()
  draft.close()
  type(doc, 'after it')
  assert.ok(!text(draft.doc).includes('after it'))
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('a draft that was kept is gone on with, a reader cannot merge one, and one whose document goes stops following', async () => {
  const { clock, server, connection, session, doc, text } = await setUp()
  type(doc, 'Hello. ')
  const first = session.fork()
  type(first.doc, 'Kept. ')
  const kept = Y.encodeStateAsUpdate(first.doc)
  first.close()
  type(doc, 'Meanwhile. ')
  const again = new Y.Doc()
  Y.applyUpdate(again, kept)
  const second = session.fork(again)
  assert.equal(second.changed, true)
  assert.deepEqual(
    ['Kept. ', 'Meanwhile. '].map((words) => text(second.doc).includes(words)),
    [true, true],
  )
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'permission', channel, permission: 'read-only' }))
  await clock.settle()
  assert.throws(() => second.merge(), /may only read/)
  assert.deepEqual([text().includes('Kept. '), second.changed], [false, true])
  doc.destroy()
  type(second.doc, 'still mine')
  await connection.close()
})

test('undo takes back what was edited here, of whatever origin, and nothing of others; a merged draft is one step; a reader undoes nothing', async () => {
  const { clock, server, connection, session, doc, text } = await setUp()
  const history = undoHistory(session, doc, { captureTimeoutMs: 0 })
  let changes = 0
  history.on('changed', () => {
    changes += 1
  })
  assert.deepEqual([history.canUndo, history.undo()], [false, false])
  doc.transact(() => type(doc, 'Mine. '), 'an editor binding')
  server.write('a', updateWith('Theirs. '))
  await clock.settle()
  doc.transact(() => doc.getMap('settings').set('title', 'Mine'), { another: 'origin' })
  assert.equal(history.undo(), true)
  assert.equal(doc.getMap('settings').get('title'), undefined)
  assert.equal(history.undo(), true)
  assert.deepEqual([text(), history.canUndo, history.canRedo], ['Theirs. ', false, true])
  assert.equal(history.redo(), true)
  await session.saved()
  assert.ok(server.text('a').includes('Mine. '))
  const draft = session.fork()
  type(draft.doc, 'One. ')
  type(draft.doc, 'Two. ')
  draft.merge()
  assert.equal(history.undo(), true)
  assert.deepEqual(
    ['One. ', 'Two. ', 'Mine. '].map((words) => text().includes(words)),
    [false, false, true],
  )
  draft.close()
  assert.ok(changes >= 6)
  server.tell('a', (channel) => ({ type: 'permission', channel, permission: 'read-only' }))
  await clock.settle()
  assert.deepEqual([history.canUndo, history.undo(), history.redo()], [false, false, false])
  assert.ok(text().includes('Mine. '))
  history.close()
  history.close()
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('what was typed before the connection was lost, and after it is back, are two steps', async () => {
  const { clock, network, connection, session, doc, text } = await setUp()
  const history = undoHistory(session, doc.getText('body'), { captureTimeoutMs: 1e9 })
  type(doc, 'before ')
  await session.saved()
  network.last.end()
  await clock.advanceAsync(1_000)
  await session.saved()
  type(doc, 'after')
  history.undo()
  assert.equal(text(), 'before ')
  await connection.close()
})

test('a subdocument is opened on the same connection when it is loaded, saved as a document of its own, and closed when it goes', async () => {
  const { clock, server, network, connection, session, doc } = await setUp()
  const subdocuments = openSubdocuments(connection, session)
  const page = new Y.Doc({ guid: 'page-1' })
  doc.getMap<Y.Doc>('pages').set('one', page)
  doc.getMap<Y.Doc>('pages').set('two', new Y.Doc({ guid: 'page-2', autoLoad: true }))
  await clock.settle()
  assert.deepEqual(subdocuments.sessions.map(({ documentId }) => documentId).sort(), ['a/page-1', 'a/page-2'])
  type(page, 'in the page')
  assert.equal(subdocuments.unsaved, 1)
  await subdocuments.saved()
  assert.deepEqual([server.text('a/page-1'), network.sockets.length], ['in the page', 1])
  assert.equal(subdocuments.session(page)?.documentId, 'a/page-1')

  // Somebody else has the document, and sees what is in the page when it asks for it.
  const other = connection.open('a', new Y.Doc())
  const others = openSubdocuments(connection, other)
  await clock.settle()
  assert.deepEqual(
    others.sessions.map(({ documentId }) => documentId),
    ['a/page-2'],
    'only what is to be loaded by itself',
  )
  const same = other.doc.getMap<Y.Doc>('pages').get('one')
  assert.ok(same !== undefined)
  same.load()
  await clock.settle()
  assert.equal(same.getText('body').toString(), 'in the page')

  const opened = subdocuments.session(page)
  assert.ok(opened !== undefined)
  doc.getMap('pages').delete('one')
  await clock.settle()
  assert.equal(subdocuments.session(page), undefined)
  assert.equal(opened.status.state, 'offline')
  await Promise.all([subdocuments.close(), others.close()])
  assert.equal(subdocuments.sessions.length, 0)
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('subdocuments in subdocuments are opened too, with ids of the application, and one that cannot be opened harms nothing else', async () => {
  const { clock, connection, session, doc } = await setUp()
  const failed: string[] = []
  const subdocuments = openSubdocuments(connection, session, {
    id: ({ guid }) => `pages/${guid}`,
    onError: (_error, { guid }) => failed.push(guid),
  })
  const page = new Y.Doc({ guid: 'outer' })
  doc.getArray<Y.Doc>('pages').push([new Y.Doc({ guid: '\ud800', autoLoad: true }), page])
  const inner = new Y.Doc({ guid: 'inner' })
  page.getMap<Y.Doc>('more').set('inner', inner)
  await clock.settle()
  assert.deepEqual(failed, ['\ud800'])
  assert.deepEqual(
    subdocuments.sessions.map(({ documentId }) => documentId),
    ['pages/outer', 'pages/inner'],
  )
  assert.equal(subdocuments.session(inner)?.documentId, 'pages/inner')
  doc.destroy()
  await clock.settle()
  assert.equal(subdocuments.sessions.length, 0)
  assert.equal(stateOf(connection), 'connected')
  await connection.close()
})
