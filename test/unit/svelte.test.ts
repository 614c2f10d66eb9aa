// Svelte's stores, subscribed to with Svelte's own functions: what is open follows who is subscribed, and nobody is told of what stays the same.
import '../helpers/page-window.js'

import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compile } from 'svelte/compiler'
import { derived, get, type Readable as SvelteReadable } from 'svelte/store'
import * as Y from 'yjs'
import { createWeft, cursors, draft, others, presence, self, status, undo, y } from '../../client/svelte/index.js'
import { clientFixture, type, updateWith } from '../helpers/client-fixture.js'
import type { ClientNetwork } from '../helpers/client-network.js'
import { repositoryRoot } from '../helpers/repository.js'
import { scriptedSource } from '../helpers/vue-page.js'

const opens = ({ sockets }: ClientNetwork): string[] =>
  sockets.flatMap((socket) => socket.receivedOf('open').map(({ documentId }) => documentId))
const closes = ({ sockets }: ClientNetwork): number => sockets.flatMap((socket) => socket.receivedOf('close')).length

test('S5: a document is opened once for all who are subscribed, stays open when it is asked for again at once, and is closed when the last one has gone', async () => {
  const fixture = clientFixture()
  const { network, clock } = fixture
  const weft = createWeft(scriptedSource(fixture))
  const documents: SvelteReadable<unknown> = weft.document('a')
  assert.equal(network.sockets.length, 0)
  const [one, two] = [documents.subscribe(() => {}), weft.document('a').subscribe(() => {})]
  await clock.settle()
  assert.deepEqual(opens(network), ['a'])
  one()
  two()
  const three = documents.subscribe(() => {})
  await clock.settle()
  assert.deepEqual([opens(network), closes(network)], [['a'], 0])
  three()
  three()
  await clock.settle()
  assert.deepEqual([closes(network), network.last.closedByClient], [1, null])
  assert.equal(get(documents as SvelteReadable<{ readonly name: string } | null>)?.name, 'a')
  await clock.settle()
  weft.close()
  await clock.settle()
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
})

test('D1, D3: saved is true only while every edit is acknowledged, and what is left unsaved stays open until it is', async () => {
  const fixture = clientFixture()
  const { server, network, clock } = fixture
  const weft = createWeft(scriptedSource(fixture))
  const document = weft.document('a')
  const told: boolean[] = []
  const line = derived(status(document), ({ saved: isSaved, unsaved }) => `${isSaved} ${unsaved}`)
  const stops = [status(document).subscribe((state) => void told.push(state.saved)), line.subscribe(() => {})]
  await clock.settle()
  assert.equal(get(line), 'true 0')
  server.acknowledges = 'by hand'
  const open = get(document) ?? assert.fail('it is open')
  type(open.doc, 'typed')
  await clock.settle()
  assert.equal(get(line), 'false 1')
  assert.equal(get(weft.allSaved).unsaved, 1)
  for (const stop of stops) stop()
  weft.close()
  await clock.settle()
  assert.equal(closes(network), 0)
  server.acknowledge('a')
  await clock.settle()
  assert.equal(open.doc.isDestroyed, true)
  assert.deepEqual([told[0], told.at(-1)], [false, false])
  assert.ok(told.includes(true))
  assert.equal(clock.timerCount, 0)
})

test('what is selected of a document and of the others in it is told only when it is another value', async () => {
  const fixture = clientFixture()
  const weft = createWeft(scriptedSource(fixture))
  const document = weft.document('a')
  const words: (number | undefined)[] = []
  const names: (readonly unknown[])[] = []
  const text = (doc: Y.Doc): Y.Text => doc.getText('t')
  const stops = [
    y(document, text, (body) => body.toString().split(' ').length).subscribe((count) => void words.push(count)),
    others(document, ({ name }) => name).subscribe((people) => void names.push(people.map(({ state }) => state))),
  ]
  await fixture.clock.settle()
  const open = get(document) ?? assert.fail('it is open')
  const typed = text(open.doc)
  typed.insert(0, 'one')
  typed.insert(3, ' two')
  typed.insert(7, 's')
  assert.deepEqual(words.slice(-2), [1, 2])
  const { awareness } = open.session
  awareness.states.set(77, { name: 'Ada', cursor: 1 })
  awareness.emit('change', [{ added: [77], updated: [], removed: [] }, 'test'])
  awareness.states.set(77, { name: 'Ada', cursor: 2 })
  awareness.emit('change', [{ added: [], updated: [77], removed: [] }, 'test'])
  assert.deepEqual(names, [[], ['Ada']])
  for (const stop of stops) stop()
  weft.close()
  await fixture.clock.settle()
})

test('what this client shares, and presence with types: who is here without cursors, and cursors of the same part', async () => {
  const fixture = clientFixture()
  const weft = createWeft(scriptedSource(fixture))
  const note = weft.document('a')
  const shared = presence<{ readonly name: string }, { readonly x: number }>(note)
  const told = { others: 0, cursors: 0 }
  const stops = [
    others(shared).subscribe(() => {
      told.others += 1
    }),
    cursors(shared).subscribe(() => {
      told.cursors += 1
    }),
    self(note, ({ name }) => name).subscribe(() => {}),
  ]
  await fixture.clock.settle()
  get(shared)?.share({ name: 'Grace' })
  assert.equal(get(self(note, ({ name }) => name)), 'Grace')
  const { awareness } = get(note)?.session ?? assert.fail('it is open')
  const says = (state: Record<string, unknown>): void => {
    awareness.states.set(77, state)
    awareness.emit('change', [{ added: [77], updated: [], removed: [] }, 'test'])
  }
  says({ name: 'Ada', cursor: { x: 1 } })
  says({ name: 'Ada', cursor: { x: 2 } })
  assert.deepEqual([get(others(shared))[0]?.state.name, get(cursors(shared))[0]?.cursor.x, told], ['Ada', 2, { others: 2, cursors: 3 }])
  for (const stop of stops) stop()
  weft.close()
  await fixture.clock.settle()
  assert.equal(fixture.clock.timerCount, 0)
})

test('D3: a draft, undo and a subdocument are there while somebody is subscribed; unsaved work in a subdocument keeps it and its document open', async () => {
  const fixture = clientFixture()
  const { server, clock } = fixture
  server.write('a/one', updateWith('Once'))
  const weft = createWeft(scriptedSource(fixture))
  const note = weft.document('a')
  const [trial, history, chapter] = [draft(note), undo(note), weft.subdocument(note, 'one')]
  const stops = [trial, history, chapter].map((store) => (store as SvelteReadable<unknown>).subscribe(() => {}))
  await clock.settle()
  const { doc } = get(note) ?? assert.fail('it is open')
  const tried = get(trial)?.doc ?? assert.fail('it is there')
  type(tried, 'perhaps')
  assert.deepEqual([get(trial)?.changed, doc.getText('body').toString()], [true, ''])
  get(trial)?.merge()
  assert.deepEqual([get(trial)?.changed, get(history).canUndo, server.text('a')], [false, true, ''])
  await clock.settle()
  assert.equal(server.text('a'), 'perhaps')
  assert.equal(get(history).undo(), true)
  assert.deepEqual([doc.getText('body').toString(), get(history).canRedo], ['', true])

  doc.getMap('chapters').set('first', new Y.Doc({ guid: 'one' }))
  await clock.settle()
  const open = get(chapter) ?? assert.fail('it is open')
  assert.deepEqual([open.name, open.doc.getText('body').toString()], ['a/one', 'Once'])
  server.acknowledges = 'by hand'
  type(open.doc, ' upon')
  await clock.settle()
  for (const stop of stops) stop()
  weft.close()
  await clock.settle()
  assert.deepEqual([tried.isDestroyed, open.doc.isDestroyed, doc.isDestroyed, get(weft.allSaved).unsaved], [true, false, false, 1])
  server.acknowledge('a/one')
  server.acknowledge('a')
  await clock.settle()
  assert.deepEqual([open.doc.isDestroyed, doc.isDestroyed, clock.timerCount], [true, true, 0])
})

test('where a server renders nothing is opened', async () => {
  const { document } = globalThis
  const fixture = clientFixture()
  try {
    Reflect.deleteProperty(globalThis, 'document')
    const weft = createWeft(scriptedSource(fixture))
    assert.deepEqual([get(weft.document('a')), get(status(weft.document('a'))).saved, get(weft.connection)], [null, false, null])
    await fixture.clock.settle()
    assert.equal(fixture.network.sockets.length, 0)
  } finally {
    globalThis.document = document
  }
})

test('the component in docs/client.md compiles, for a browser and for a server', () => {
  const page = readFileSync(join(repositoryRoot, 'docs/client.md'), 'utf8')
  const source = /^```svelte\n(.*?)^```$/ms.exec(page)?.[1] ?? assert.fail('it is there')
  for (const generate of ['client', 'server'] as const) {
    const { js, warnings } = compile(source.replace('<script>', "<script>\n  import Editor from './Editor.svelte'"), { generate })
    assert.deepEqual(warnings, [])
    assert.match(js.code, /weft-sync\/svelte/)
  }
})
