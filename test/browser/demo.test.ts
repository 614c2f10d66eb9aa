// The demo in real browsers: two people in one document, a server that is killed under them, and what the page says meanwhile.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import * as Y from 'yjs'
import { DemoPage, launchBrowser, newPerson, withScreenshots } from '../helpers/browser.js'
import { ServerProcess } from '../helpers/server-process.js'
import { StockPage } from '../helpers/stock-page.js'
import { storedDocument } from '../helpers/stored-document.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

/** A document's state in the form that a fresh copy gives it: what an undo stack holds on to in one page is not part of the document. */
function canonical(update: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex')
}

async function inBrowser(name: string, body: (server: ServerProcess) => Promise<void>): Promise<void> {
  const server = await ServerProcess.start()
  try {
    await withScreenshots(name, browser, () => body(server))
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
  }
}

test('D3, S1: two people type, the server is killed under them and started again, and nothing is lost', { timeout: 120_000 }, () =>
  inBrowser('kill-while-typing', async (server) => {
    const noor = await DemoPage.open(await newPerson(browser, 'Noor', '#0f766e'), server.url, 'notes/supper')
    const tove = await DemoPage.open(await newPerson(browser, 'Tove', '#be185d'), server.url, 'notes/supper')
    await noor.type('Soup and bread.')
    await tove.waitForTexts('Soup and bread.')
    await tove.newParagraph()
    await tove.type('Two large salads.')
    await noor.waitForTexts('Soup and bread.', 'Two large salads.')
    await Promise.all([noor.caretOf('Tove'), tove.caretOf('Noor')])
    await Promise.all([noor.personIsHere('Tove'), tove.personIsHere('Noor')])
    await Promise.all([noor.state('saved'), tove.state('saved')])

    const typing = Promise.all([noor.type('Noor goes on typing while the server dies. '), tove.type('Tove does the same. ')])
    await server.kill()
    await typing
    await Promise.all([noor.state('offline'), tove.state('offline')])
    await Promise.all([noor.type('Noor, offline.'), tove.type('Tove, offline.')])
    await noor.waitForTexts('Noor, offline.')
    assert.match(await noor.words(), /Offline: your work is kept \(\d+ unsaved\)/)
    assert.deepEqual(await noor.people(), [], 'nobody else is known to be here')

    await server.restart()
    await Promise.all([noor.waitForTexts('Tove, offline.'), tove.waitForTexts('Noor, offline.')])
    await Promise.all([noor.state('saved'), tove.state('saved')])
    await Promise.all([noor.caretOf('Tove'), tove.caretOf('Noor')])

    const blocks = await noor.blocks()
    assert.deepEqual(await tove.blocks(), blocks)
    // The two typed at one place at the same time, so their letters may alternate there; but each letter is there, and once.
    const typed =
      'Soup and bread. Two large salads. Noor goes on typing while the server dies. Tove does the same. Noor, offline. Tove, offline.'
    const letters = (text: string): string => [...text.replaceAll(/\s/gu, '')].sort().join('')
    assert.equal(letters(blocks.join('')), letters(typed))
    const states = [canonical(await noor.encodedState()), canonical(await tove.encodedState())]
    assert.equal(states[0], states[1], 'both pages have the same document')
    assert.deepEqual([...noor.errors, ...tove.errors], [])

    assert.equal(await server.stop(), 0)
    assert.equal(canonical(await storedDocument(server.dataFolder, 'notes/supper')), states[0], 'the store has the same document')
  }),
)

test('S1: a stock y-websocket client and the demo edit one document', { timeout: 180_000 }, () =>
  inBrowser('stock-client', async (server) => {
    const noor = await DemoPage.open(await newPerson(browser, 'Noor', '#0f766e'), server.url, 'notes/stock')
    await noor.type('From the demo.')
    const stock = await StockPage.open(browser, server, 'notes/stock')
    await stock.waitForText('From the demo.')
    await stock.addParagraph('From the stock client.')
    await noor.waitForTexts('From the demo.', 'From the stock client.')
    await noor.personIsHere('Stock')
    await stock.waitForPerson('Noor')
    await noor.type(' And back.')
    await stock.waitForText('From the stock client. And back.')
    await noor.state('saved')
    assert.equal(canonical(await stock.encodedState()), canonical(await noor.encodedState()))
    assert.deepEqual(noor.errors, [])
  }),
)

test('D3: what was typed offline survives a reload without a server, and is saved when the server is back', { timeout: 180_000 }, () =>
  inBrowser('offline-reload', async (server) => {
    const noor = await DemoPage.open(await newPerson(browser, 'Noor', '#0f766e'), server.url, 'notes/offline')
    await noor.type('Before. ')
    await noor.state('saved')
    await noor.page.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
    await server.kill()
    await noor.state('offline')
    await noor.type('While the server was away.')
    await noor.keptInBrowser('notes/offline', 'While the server was away.')

    let warned = false
    noor.page.on('dialog', async (dialog) => {
      warned = dialog.type() === 'beforeunload'
      await dialog.accept()
    })
    await noor.page.reload()
    assert.ok(warned, 'leaving with unsaved work asks first')
    await noor.ready()
    await noor.waitForTexts('Before. While the server was away.')
    await noor.state('offline')

    await server.restart()
    await noor.state('saved')
    const tove = await DemoPage.open(await newPerson(browser, 'Tove', '#be185d'), server.url, 'notes/offline')
    await tove.waitForTexts('Before. While the server was away.')
    assert.deepEqual(noor.errors, [])
  }),
)

test('S1: documents of different URLs do not mix', { timeout: 180_000 }, () =>
  inBrowser('two-documents', async (server) => {
    const noor = await newPerson(browser, 'Noor', '#0f766e')
    const today = await DemoPage.open(noor, server.url, 'notes/today')
    const tomorrow = await DemoPage.open(noor, server.url, 'notes/tomorrow')
    await today.type('Today.')
    await tomorrow.type('Tomorrow.')
    await Promise.all([today.state('saved'), tomorrow.state('saved')])
    const tove = await newPerson(browser, 'Tove', '#be185d')
    const todayAgain = await DemoPage.open(tove, server.url, 'notes/today')
    const tomorrowAgain = await DemoPage.open(tove, server.url, 'notes/tomorrow')
    await Promise.all([todayAgain.waitForTexts('Today.'), tomorrowAgain.waitForTexts('Tomorrow.')])
    assert.deepEqual(await todayAgain.blocks(), ['Today.'])
    assert.deepEqual(await tomorrowAgain.blocks(), ['Tomorrow.'])
  }),
)

test('The page around the text: toolbar, undo, a new name seen by the others, a link to share, a new document', { timeout: 180_000 }, () =>
  inBrowser('page', async (server) => {
    const context = await newPerson(browser, 'Noor', '#0f766e')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url })
    const noor = await DemoPage.open(context, server.url, 'notes/page')
    const tove = await DemoPage.open(await newPerson(browser, 'Tove', '#be185d'), server.url, 'notes/page')
    const press = (label: string): Promise<void> => noor.page.getByRole('button', { name: label, exact: true }).click()

    await press('Heading 1')
    await noor.type('A heading')
    await tove.page.locator('.ProseMirror h1', { hasText: 'A heading' }).waitFor()
    await noor.newParagraph()
    await press('Bold')
    await noor.page.locator('[data-command="bold"][aria-pressed="true"]').waitFor()
    await noor.page.keyboard.type('bold words')
    await tove.page.locator('.ProseMirror strong', { hasText: 'bold words' }).waitFor()
    await noor.page.locator('[data-command="undo"][aria-disabled="false"]').waitFor()
    await press('Undo')
    await tove.page.locator('.ProseMirror strong').waitFor({ state: 'detached' })
    await press('Redo')
    await tove.page.locator('.ProseMirror strong', { hasText: 'bold words' }).waitFor()

    await noor.page.locator('#profile-menu > summary').click()
    await noor.page.getByLabel('Your name', { exact: true }).fill('Noor Haddad')
    await tove.personIsHere('Noor Haddad')
    await noor.page.keyboard.press('Escape')

    await press('Share')
    await noor.page.getByRole('button', { name: 'Link copied' }).waitFor()
    assert.equal(await noor.page.evaluate(() => navigator.clipboard.readText()), `${server.url}/?doc=notes/page`)

    await noor.state('saved')
    await press('New')
    await noor.page.waitForURL(/\?doc=notes\/[a-z]+-[a-z]+-\d+$/)
    await noor.ready()
    await noor.state('saved')
    assert.deepEqual(await noor.blocks(), [''])
    assert.deepEqual([...noor.errors, ...tove.errors], [])
  }),
)

test('G5: a document that the server refuses is shown as refused, with the reason', { timeout: 180_000 }, () =>
  inBrowser('refused', async (server) => {
    const page = await (await newPerson(browser, 'Noor', '#0f766e')).newPage()
    await page.goto(`${server.url}/?doc=${'n'.repeat(600)}`)
    await page.locator('#saved-state[data-kind="refused"]').waitFor()
    assert.match((await page.locator('#notice').textContent()) ?? '', /longer than 512 bytes/)
    assert.equal(await page.locator('.ProseMirror').getAttribute('contenteditable'), 'false')
  }),
)
