// The page of the React and of the Vue example, seen the way a person sees it.
import type { Browser, Page } from 'playwright-core'
import { newPerson } from './browser.js'
import type { ServerProcess } from './server-process.js'
import { eventually } from './states.js'

export class ExamplePage {
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

  static async open(browser: Browser, server: ServerProcess, name: string): Promise<ExamplePage> {
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
