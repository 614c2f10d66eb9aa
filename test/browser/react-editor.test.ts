// The React example in real browsers, bundled in development so that strict mode mounts everything twice: two people, their cursors, and a server that is killed.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import * as Y from 'yjs'
import { launchBrowser, newPerson, withScreenshots } from '../helpers/browser.js'
import { repositoryRoot } from '../helpers/repository.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

class ExamplePage {
  readonly page: Page
  readonly errors: string[] = []
  /** The sockets that the page opened. */
  sockets = 0

  constructor(page: Page) {
    this.page = page
    page.on('websocket', () => {
      this.sockets += 1
    })
    page.on('pageerror', (error) => void this.errors.push(String(error)))
    page.on('console', (message) => {
      // A server that is away is reported by the browser itself, as it should be.
      if (message.type() === 'error' && !/WebSocket connection|ERR_CONNECTION/.test(message.text())) this.errors.push(message.text())
    })
  }

  static async open(server: ServerProcess, name: string): Promise<ExamplePage> {
    const example = new ExamplePage(await (await newPerson(browser, name, '#0f766e')).newPage())
    await example.page.goto(`${server.url}/?doc=notes/example&name=${name}`)
    await example.page.locator('.cm-content').waitFor()
    return example
  }

  async type(text: string): Promise<void> {
    await this.page.locator('.cm-content').focus()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  /** The text without the cursors in it. */
  text(): Promise<string> {
    return this.page.evaluate(() => {
      const copy = document.querySelector('.cm-content')?.cloneNode(true) as Element
      for (const cursor of copy.querySelectorAll('.cm-ySelectionCaret')) cursor.remove()
      return [...copy.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\n')
    })
  }

  async shows(text: string): Promise<void> {
    await eventually(`the text "${text}"`, async () => (await this.text()) === text)
  }

  async state(kind: string): Promise<void> {
    await this.page.locator(`output[data-state="${kind}"]`).waitFor()
  }

  async person(name: string, state: 'visible' | 'detached' = 'visible'): Promise<void> {
    await this.page.locator('[aria-label="Also here"] li', { hasText: name }).waitFor({ state })
  }

  async cursor(name: string, state: 'attached' | 'detached' = 'attached'): Promise<void> {
    await this.page.locator('.cm-ySelectionInfo', { hasText: name }).waitFor({ state })
  }
}

test('D3, A4: two people type with React and CodeMirror, the server is killed under them, and text, title and cursors are there again', {
  timeout: 120_000,
}, async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weft-react-editor-'))
  const server = await ServerProcess.start({
    dataFolder,
    script: { file: join(repositoryRoot, 'examples/react-editor/start.mjs'), arguments: (port) => [String(port), dataFolder] },
    environment: { NODE_ENV: 'development' },
  })
  try {
    await withScreenshots('react-editor', browser, async () => {
      const noor = await ExamplePage.open(server, 'Noor')
      await noor.type('Soup. ')
      await noor.state('saved')
      const tove = await ExamplePage.open(server, 'Tove')
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
      await tove.shows('Soup. Bread. Noor, offline.')
      await Promise.all([noor.state('saved'), tove.state('saved'), noor.person('Tove'), tove.cursor('Noor')])
      // Undo takes back one's own words only.
      await tove.page.locator('.cm-content').focus()
      await tove.page.keyboard.press('Control+z')
      await noor.shows('Soup. Noor, offline.')
      await Promise.all([noor.state('saved'), tove.state('saved')])
      await tove.page.close()
      await Promise.all([noor.person('Tove', 'detached'), noor.cursor('Tove', 'detached')])
      assert.deepEqual([...noor.errors, ...tove.errors], [])

      assert.equal(await server.stop(), 0)
      const stored = new Y.Doc()
      Y.applyUpdate(stored, await storedDocument(server.dataFolder, 'notes/example'))
      assert.equal(stored.getText('body').toString(), 'Soup. Noor, offline.')
      assert.equal(stored.getMap('settings').get('title'), 'Supper')
      stored.destroy()
    })
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
    await rm(dataFolder, { recursive: true, force: true })
  }
})
