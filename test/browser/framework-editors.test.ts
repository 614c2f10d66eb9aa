// The examples for React and Vue in real browsers, bundled for development, so that React's strict mode mounts everything twice: two people, their cursors, and
// a server that is killed.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { ExamplePage, exampleDocument, withExample } from '../helpers/example-page.js'
import { eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

test(
  'D3, A4: two people type with React and CodeMirror, the server is killed under them, and text, title and cursors are there again',
  {
    timeout: 120_000,
  },
  () => killWhileTyping('react-editor'),
)

test(
  'D3, A4: two people type with Vue and CodeMirror, the server is killed under them, and text, title and cursors are there again',
  {
    timeout: 120_000,
  },
  () => killWhileTyping('vue-editor'),
)

function killWhileTyping(example: string): Promise<void> {
  return withExample(example, browser, async (server) => {
    const noor = await ExamplePage.open(browser, server, 'Noor')
    await noor.type('Soup. ')
    await noor.state('saved')
    const tove = await ExamplePage.open(browser, server, 'Tove')
    await tove.shows('Soup. ')
    await tove.type('Bread. ')
    await noor.shows('Soup. Bread. ')
    await Promise.all([noor.person('Tove'), tove.person('Noor'), noor.cursor('Tove'), tove.cursor('Noor')])
    await noor.page.getByLabel('Title').fill('Supper')
    await eventually('the title', async () => (await tove.page.getByLabel('Title').inputValue()) === 'Supper')
    await Promise.all([noor.state('saved'), tove.state('saved')])
    assert.deepEqual([noor.sockets, tove.sockets], [1, 1], 'strict mode opens one socket')

    await server.kill()
    await Promise.all([noor.state('offline'), tove.state('offline')])
    await Promise.all([noor.person('Tove', 'detached'), noor.cursor('Tove', 'detached')])
    await noor.type('Noor, offline.')
    await noor.page.getByText('Offline: your work is kept here').waitFor()
    await noor.page.getByText('4 words').waitFor()

    await server.restart()
    await Promise.all([noor.wake(), tove.wake()])
    await tove.shows('Soup. Bread. Noor, offline.')
    await Promise.all([noor.state('saved'), tove.state('saved'), noor.person('Tove'), tove.cursor('Noor')])
    // Undo takes back one's own words only.
    await tove.undo()
    await noor.shows('Soup. Noor, offline.')
    await Promise.all([noor.state('saved'), tove.state('saved')])
    await tove.page.close()
    await Promise.all([noor.person('Tove', 'detached'), noor.cursor('Tove', 'detached')])
    assert.deepEqual([...noor.errors, ...tove.errors], [])

    assert.equal(await server.stop(), 0)
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, exampleDocument))
    assert.equal(stored.getText('body').toString(), 'Soup. Noor, offline.')
    assert.equal(stored.getMap('settings').get('title'), 'Supper')
    stored.destroy()
  })
}
