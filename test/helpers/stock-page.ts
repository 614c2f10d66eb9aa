// A page with the unchanged y-websocket provider in its browser build, bundled on the spot, for tests beside the demo.
import type { Browser, Page } from 'playwright-core'
import { openScript } from './scripted-page.js'
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
    const page = await openScript(browser, 'Stock', script)
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
