// Headless Chromium for tests: the browser, the demo's page seen the way a person sees it, and a screenshot when a test fails.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Doc as YDoc } from 'yjs'

const waitMsMax = 30_000
const launchArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A Chromium with a new, empty profile. `npm test` finds or installs one and puts its path into WEFT_TEST_CHROMIUM. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['WEFT_TEST_CHROMIUM']
  if (executablePath === undefined) throw new Error('Set WEFT_TEST_CHROMIUM to the path of a Chromium; `npm test` does it by itself.')
  return chromium.launch({ executablePath, args: launchArguments })
}

/** A browser context with its own storage, whose waits are bounded. */
export async function newPerson(browser: Browser, name: string, colour: string): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, serviceWorkers: 'allow' })
  context.setDefaultTimeout(waitMsMax)
  await context.addInitScript(
    ([nameKept, colourKept]) => {
      localStorage.setItem('weft-demo:name', nameKept)
      localStorage.setItem('weft-demo:colour', colourKept)
    },
    [name, colour] as const,
  )
  return context
}

/** The demo in one page. */
export class DemoPage {
  readonly page: Page
  readonly #errors: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.#errors.push(String(error)))
    page.on('console', (message) => {
      // A server that is away is reported by the browser itself, as it should be.
      if (message.type() === 'error' && !/WebSocket connection|Failed to load resource|ERR_CONNECTION/.test(message.text()))
        this.#errors.push(message.text())
    })
  }

  /** Opens a document and waits until it can be typed into. */
  static async open(context: BrowserContext, serverUrl: string, documentId: string): Promise<DemoPage> {
    const demo = new DemoPage(await context.newPage())
    await demo.page.goto(`${serverUrl}/?doc=${encodeURIComponent(documentId)}`)
    await demo.ready()
    return demo
  }

  /** What went wrong inside the page: uncaught errors, and errors on its console. */
  get errors(): readonly string[] {
    return this.#errors
  }

  async ready(): Promise<void> {
    await this.page.locator('.ProseMirror[contenteditable="true"]').waitFor()
  }

  /** Types at the end of the text. */
  async type(text: string): Promise<void> {
    await this.page.locator('.ProseMirror').focus()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  async newParagraph(): Promise<void> {
    await this.page.keyboard.press('Enter')
  }

  /** The blocks of the text (paragraphs, headings), without anybody's carets. */
  blocks(): Promise<string[]> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.ProseMirror > *')].map((block) => {
        const copy = block.cloneNode(true) as Element
        for (const caret of copy.querySelectorAll('.caret')) caret.remove()
        return copy.textContent ?? ''
      }),
    )
  }

  /** Waits until the text contains all of these, each within one block. */
  async waitForTexts(...texts: readonly string[]): Promise<void> {
    await this.page.waitForFunction((wanted) => {
      const copy = document.querySelector('.ProseMirror')?.cloneNode(true) as Element | undefined
      for (const caret of copy?.querySelectorAll('.caret') ?? []) caret.remove()
      return wanted.every((text) => copy?.textContent?.includes(text))
    }, texts)
  }

  /** The whole document as this page has it: a Yjs update. */
  async encodedState(): Promise<Uint8Array> {
    const bytes = await this.page.evaluate(() => {
      const { Y, doc } = (globalThis as unknown as { weft: { Y: typeof import('yjs'); doc: YDoc } }).weft
      return [...Y.encodeStateAsUpdate(doc)]
    })
    return Uint8Array.from(bytes)
  }

  /** Waits until somebody's caret is in the text. */
  async caretOf(name: string): Promise<void> {
    await this.page.locator('.ProseMirror .caret .caret-label', { hasText: name }).first().waitFor({ state: 'attached' })
  }

  /** Waits until somebody's avatar is shown. */
  async personIsHere(name: string): Promise<void> {
    await this.page.locator(`#people [title="${name}"]`).waitFor()
  }

  /** The names of the others whose avatars are shown. */
  people(): Promise<string[]> {
    return this.page.locator('#people .avatar').evaluateAll((avatars) => avatars.map((avatar) => avatar.getAttribute('title') ?? ''))
  }

  /** Waits until the copy in this browser's IndexedDB has taken in `text`. */
  async keptInBrowser(documentId: string, text: string): Promise<void> {
    await this.page.waitForFunction(
      async ([id, wanted]) => {
        const opened = indexedDB.open(`weft:${id}`)
        await new Promise((resolve) => opened.addEventListener('success', resolve))
        const rows = opened.result.transaction('updates').objectStore('updates').getAll()
        await new Promise((resolve) => rows.addEventListener('success', resolve))
        opened.result.close()
        const { Y } = (globalThis as unknown as { weft: { Y: typeof import('yjs') } }).weft
        const copy = new Y.Doc()
        for (const row of rows.result) Y.applyUpdate(copy, row as Uint8Array)
        return copy.getXmlFragment('body').toString().includes(wanted)
      },
      [documentId, text] as const,
    )
  }

  /** Waits until the indicator tells this state: `saved`, `saving`, `offline` and so on. */
  async state(kind: string): Promise<void> {
    await this.page.locator(`#saved-state[data-kind="${kind}"]`).waitFor()
  }

  /** The indicator's words. */
  async words(): Promise<string> {
    return (await this.page.locator('#saved-state .words').textContent()) ?? ''
  }
}

/** Runs `body`; if it fails, saves a screenshot of every page to build/screenshots/ and names the files in the error. */
export async function withScreenshots(name: string, browser: Browser, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    const folder = join('build', 'screenshots')
    await mkdir(folder, { recursive: true })
    const pages = browser.contexts().flatMap((context) => context.pages())
    const files = pages.map((_, index) => join(folder, `${name}-${index + 1}.png`))
    await Promise.all(pages.map((page, index) => page.screenshot({ path: files[index] ?? '', timeout: 5_000 }).catch(() => {})))
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nScreenshots: ${files.join(', ')}`, { cause: error })
  }
}
