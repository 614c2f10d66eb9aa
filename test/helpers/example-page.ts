// The page of an example with an editor, seen the way a person sees it, and the server that the example starts.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { newPerson, withScreenshots } from './browser.js'
import { repositoryRoot } from './repository.js'
import { ServerProcess } from './server-process.js'
import { eventually } from './states.js'

export const exampleDocument = 'notes/example'

/** Where an editor has what is looked for, as CSS selectors. */
export interface EditorLook {
  /** What takes the focus. */
  readonly input: string
  readonly line: string
  /** What is among the text and is none of it. */
  readonly notText?: string
  /** The names at the cursors of others. */
  readonly cursor: string
  /** The document that is opened. Default: `exampleDocument`. */
  readonly document?: string
}

export const codeMirror: EditorLook = {
  input: '.cm-content',
  line: '.cm-line',
  notText: '.cm-ySelectionCaret',
  cursor: '.cm-ySelectionInfo',
}

export class ExamplePage {
  readonly page: Page
  readonly #look: EditorLook
  readonly errors: string[] = []
  /** The sockets that the page opened. */
  sockets = 0

  constructor(page: Page, look: EditorLook = codeMirror) {
    this.page = page
    this.#look = look
    page.on('websocket', () => {
      this.sockets += 1
    })
    page.on('pageerror', (error) => void this.errors.push(String(error)))
    page.on('console', (message) => {
      // A server that is away is reported by the browser itself, as it should be.
      if (message.type() === 'error' && !/WebSocket connection|ERR_CONNECTION/.test(message.text())) this.errors.push(message.text())
    })
  }

  /** `path`: where the server has the page. */
  static async open(
    browser: Browser,
    server: ServerProcess,
    name: string,
    look: EditorLook = codeMirror,
    path = '/',
  ): Promise<ExamplePage> {
    const example = new ExamplePage(await (await newPerson(browser, name, '#0f766e')).newPage(), look)
    await example.page.goto(`${server.url}${path}?doc=${look.document ?? exampleDocument}&name=${name}`)
    await example.page.locator(look.input).waitFor()
    return example
  }

  /** Another tab of the same person with the same page. */
  async anotherTab(): Promise<ExamplePage> {
    const example = new ExamplePage(await this.page.context().newPage(), this.#look)
    await example.page.goto(this.page.url())
    await example.page.locator(this.#look.input).waitFor()
    return example
  }

  async type(text: string): Promise<void> {
    await this.page.locator(this.#look.input).focus()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  async undo(): Promise<void> {
    await this.page.locator(this.#look.input).focus()
    await this.page.keyboard.press('Control+z')
  }

  /** Has the page look for the server at once, as it does when the browser says that the network is back, and not after its pause. */
  async wake(): Promise<void> {
    await this.page.evaluate(() => dispatchEvent(new Event('online')))
  }

  /** The text without the cursors in it. */
  text(): Promise<string> {
    const { line, notText = null } = this.#look
    return this.page.locator(line).evaluateAll((lines, cursors) => {
      const copies = lines.map((element) => element.cloneNode(true) as Element)
      if (cursors !== null) for (const copy of copies) for (const cursor of copy.querySelectorAll(cursors)) cursor.remove()
      return copies.map((copy) => copy.textContent?.replaceAll('\u00a0', ' ')).join('\n')
    }, notText)
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
    await this.page.locator(this.#look.cursor, { hasText: name }).waitFor({ state })
  }
}

/**
 * Runs `body` with an example and the server that it starts, on a new data folder. Failures leave screenshots; afterwards all pages of the browser are closed and
 * the server is gone.
 */
export function withExample(example: string, browser: Browser, body: (server: ServerProcess) => Promise<void>): Promise<void> {
  return withExamples(example, join(example, 'start.mjs'), [], browser, body)
}

/** The same with several examples on one server. `script` is in the folder of the examples. */
export async function withExamples(
  name: string,
  script: string,
  examples: readonly string[],
  browser: Browser,
  body: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weft-example-'))
  const server = await ServerProcess.start({
    dataFolder,
    script: { file: join(repositoryRoot, 'examples', script), arguments: (port) => [String(port), dataFolder, ...examples] },
    environment: { NODE_ENV: 'development' },
  })
  try {
    await withScreenshots(name, browser, () => body(server))
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
    await rm(dataFolder, { recursive: true, force: true })
  }
}
