// The examples without a framework in real browsers: two people, their cursors, and a server that is killed under them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { type EditorLook, ExamplePage, exampleDocument, withExample } from '../helpers/example-page.js'
import { storedDocument } from '../helpers/stored-document.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

test('D3: two people type with Tiptap, the server is killed under them, and text and cursors are there again', { timeout: 120_000 }, () =>
  killWhileTyping({
    example: 'tiptap-editor',
    look: { input: '.ProseMirror', line: '.ProseMirror > *', notText: '.caret', cursor: '.caret-name' },
    textIn: (doc) => doc.getXmlFragment('body').toString().replaceAll(/<.*?>/g, ''),
  }),
)

interface Scene {
  readonly example: string
  readonly look: EditorLook
  readonly textIn: (doc: Y.Doc) => string
}

function killWhileTyping({ example, look, textIn }: Scene): Promise<void> {
  return withExample(example, browser, async (server) => {
    const [noor, tove] = await Promise.all(['Noor', 'Tove'].map((name) => ExamplePage.open(browser, server, name, look)))
    assert.ok(noor !== undefined && tove !== undefined)
    await noor.type('Soup. ')
    await tove.shows('Soup. ')
    await tove.type('Bread. ')
    await noor.shows('Soup. Bread. ')
    await Promise.all([noor.person('Tove'), tove.person('Noor'), noor.cursor('Tove'), tove.cursor('Noor')])
    await Promise.all([noor.state('saved'), tove.state('saved')])

    await server.kill()
    await Promise.all([noor.state('offline'), tove.state('offline'), noor.cursor('Tove', 'detached')])
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, exampleDocument))
    assert.equal(textIn(stored), 'Soup. Bread. ')
    stored.destroy()
    await noor.type('Noor, offline.')

    await server.restart()
    await Promise.all([noor.wake(), tove.wake()])
    await tove.shows('Soup. Bread. Noor, offline.')
    await Promise.all([noor.state('saved'), tove.state('saved'), noor.cursor('Tove'), tove.cursor('Noor')])
    // Undo takes back one's own words only.
    await tove.undo()
    await noor.shows('Soup. Noor, offline.')
    assert.deepEqual([...noor.errors, ...tove.errors], [])
  })
}
