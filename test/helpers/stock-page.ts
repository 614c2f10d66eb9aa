// A page with the unchanged y-websocket provider in its browser build, bundled on the spot, for tests beside the demo.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { newPerson } from './browser.js'
import type { ServerProcess } from './server-process.js'

const script = `
  import * as Y from 'yjs'
  import { WebsocketProvider } from 'y-websocket'
  const doc = new Y.Doc()
  globalThis.stock = {
    Y,
    doc,
    open(url, documentId) {
      this.provider = new WebsocketProvider(url, documentId, doc)
      this.provider.awareness.setLocalStateField('user', { name: 'Stock', color: '#4338ca' })
    },
    text: () => doc.getXmlFragment('body').toString(),
    names: () => [...globalThis.stock.provider.awareness.getStates().values()].map((state) => state.user?.name),
    addParagraph(text) {
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText(text)])
      const body = doc.getXmlFragment('body')
      body.insert(body.length, [paragraph])
    },
    state: () => [...Y.encodeStateAsUpdate(doc)],
  }
`

interface Stock {
  open(url: string, documentId: string): void
  text(): string
  names(): string[]
  addParagraph(text: string): void
  state(): number[]
}
declare const stock: Stock

export class StockPage {
  readonly #page: Page

  private constructor(page: Page) {
    this.#page = page
  }

  static async open(browser: Browser, server: ServerProcess, documentId: string): Promise<StockPage> {
    const bundle = await build({
      stdin: { contents: script, resolveDir: process.cwd() },
      bundle: true,
      format: 'iife',
      write: false,
      logLevel: 'error',
    })
    const page = await (await newPerson(browser, 'Stock', '#4338ca')).newPage()
    // Served from an origin of its own, as an application would be. (A page made up by the test would count as public, and Chromium
    // keeps public pages away from sockets of this machine.)
    const application = createServer((request, response) => {
      const script = request.url === '/stock.js'
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
      response.end(script ? bundle.outputFiles[0]?.contents : '<!doctype html><title>Stock client</title><script src="/stock.js"></script>')
    })
    await once(application.listen(0, '127.0.0.1'), 'listening')
    try {
      await page.goto(`http://127.0.0.1:${(application.address() as AddressInfo).port}/`)
    } finally {
      application.closeAllConnections()
      application.close()
    }
    await page.evaluate(([url, id]) => stock.open(url, id), [server.webSocketUrl, documentId] as const)
    return new StockPage(page)
  }

  async addParagraph(text: string): Promise<void> {
    await this.#page.evaluate((words) => stock.addParagraph(words), text)
  }

  async waitForText(text: string): Promise<void> {
    await this.#page.waitForFunction((wanted) => stock.text().includes(wanted), text)
  }

  async waitForPerson(name: string): Promise<void> {
    await this.#page.waitForFunction((wanted) => stock.names().includes(wanted), name)
  }

  async encodedState(): Promise<Uint8Array> {
    return Uint8Array.from(await this.#page.evaluate(() => stock.state()))
  }
}
