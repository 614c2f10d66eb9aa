// Five more examples in one real browser, on one server that serves them all: two people in each, their cursors, and a server that is killed under all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { codeMirror, type EditorLook, ExamplePage, withExamples } from '../helpers/example-page.js'
import type { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

interface Editor {
  readonly example: string
  readonly look: EditorLook & { readonly document: string }
  /** The text of the stored document. */
  readonly textIn: (doc: Y.Doc) => string
  readonly type: (person: ExamplePage, words: string) => Promise<void>
  readonly text: (person: ExamplePage) => Promise<string>
}

const withoutTags = (xml: string): string => xml.replaceAll(/<.*?>/g, '')
const typed = { type: (person: ExamplePage, words: string) => person.type(words), text: (person: ExamplePage) => person.text() }

const editors: readonly Editor[] = [
  {
    example: 'monaco-editor',
    look: {
      document: 'more/monaco',
      input: '.monaco-editor .native-edit-context',
      line: '.view-line',
      cursor: '[class*="yRemoteSelectionHead-"]',
    },
    textIn: (doc) => doc.getText('body').toString(),
    ...typed,
  },
  {
    example: 'lexical-editor',
    look: { document: 'more/lexical', input: '.sheet', line: '.sheet > *', cursor: '.cursors .cursor-name' },
    textIn: (doc) => lexicalText(doc.get('body', Y.XmlText)),
    ...typed,
  },
  {
    example: 'blocknote-editor',
    look: {
      document: 'more/blocknote',
      input: '.bn-editor',
      line: '.bn-editor .bn-inline-content',
      notText: '.bn-collaboration-cursor__base',
      cursor: '.bn-collaboration-cursor__label',
    },
    textIn: (doc) => withoutTags(doc.getXmlFragment('body').toString()),
    ...typed,
  },
  {
    example: 'svelte-editor',
    look: { ...codeMirror, document: 'more/svelte' },
    textIn: (doc) => doc.getText('body').toString(),
    ...typed,
  },
  {
    example: 'todo-list',
    look: { document: 'more/todo', input: '[name="text"]', line: 'ol li', cursor: 'ol .at' },
    textIn: (doc) =>
      doc
        .getArray<Y.Map<string>>('items')
        .map((item) => item.get('text'))
        .join(' '),
    type: async ({ page }, words) => {
      await page.locator('[name="text"]').fill(words)
      await page.keyboard.press('Enter')
      // At the item, where the other one sees that somebody is.
      await page.locator('ol li input:not([type])').last().focus()
    },
    text: async ({ page }) =>
      (
        await page.locator('ol li input:not([type])').evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value))
      ).join(' '),
  },
]

/** A Lexical document keeps each paragraph as a text in the root's text. */
function lexicalText(root: Y.XmlText): string {
  return root
    .toDelta()
    .map(({ insert }: { readonly insert: unknown }) =>
      insert instanceof Y.XmlText ? lexicalText(insert) : typeof insert === 'string' ? insert : '',
    )
    .join('')
}

const names = editors.map(({ example }) => example)

test('D3: two people work in Monaco, Lexical, BlockNote, CodeMirror with Svelte, and a list, the server is killed under them all, and words and cursors are there again', {
  timeout: 120_000,
}, async () => {
  const browser = await launchBrowser()
  try {
    await withExamples('more-editors', 'start.mjs', names, browser, (server) => killWhileWorking(browser, server))
  } finally {
    await browser.close()
  }
})

async function killWhileWorking(browser: Browser, server: ServerProcess): Promise<void> {
  const scenes = await Promise.all(editors.map((editor) => Scene.open(editor, browser, server)))
  await Promise.all(scenes.map((scene) => scene.workTogether()))
  const [monaco] = scenes
  const connections = await connectionsOf(server)
  await monaco?.openSecondTab()
  assert.equal(await connectionsOf(server), connections, 'the tabs of a browser share one socket')
  await server.kill()
  await Promise.all(scenes.map((scene) => scene.workAlone()))
  await monaco?.showsInSecondTab()
  // One opens the folder at a time.
  for (const scene of scenes) await scene.assertStored(server.dataFolder)
  await server.restart()
  await Promise.all(scenes.map((scene) => scene.workOn()))
}

async function connectionsOf(server: ServerProcess): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^weft_connections(?:\{.*\})? (\d+)$/m.exec(metrics)?.[1])
}

/** Two people in one editor. */
class Scene {
  readonly #editor: Editor
  readonly #noor: ExamplePage
  readonly #tove: ExamplePage
  #second: ExamplePage | null = null

  private constructor(editor: Editor, noor: ExamplePage, tove: ExamplePage) {
    this.#editor = editor
    this.#noor = noor
    this.#tove = tove
  }

  static async open(editor: Editor, browser: Browser, server: ServerProcess): Promise<Scene> {
    const open = (name: string): Promise<ExamplePage> =>
      ExamplePage.open(browser, server, name, editor.look, `/${editor.example}/index.html`)
    // One after the other: who comes first makes the first paragraph.
    const noor = await open('Noor')
    await noor.state('saved')
    return new Scene(editor, noor, await open('Tove'))
  }

  /** Of the first person, in the same browser. */
  async openSecondTab(): Promise<void> {
    this.#second = await this.#noor.anotherTab()
    await this.#second.state('saved')
  }

  /** What was typed while the server is away, from tab to tab. */
  async showsInSecondTab(): Promise<void> {
    assert.ok(this.#second !== null)
    await this.#shows(this.#second, 'Soup. Bread. Noor, offline.')
    await this.#second.state('offline')
    await this.#second.page.close()
  }

  async workTogether(): Promise<void> {
    const [noor, tove] = [this.#noor, this.#tove]
    await this.#editor.type(noor, 'Soup. ')
    await this.#shows(tove, 'Soup. ')
    await this.#editor.type(tove, 'Bread. ')
    await this.#shows(noor, 'Soup. Bread. ')
    await Promise.all([noor.person('Tove'), tove.person('Noor'), this.#sees(noor, 'Tove'), this.#sees(tove, 'Noor')])
    await Promise.all([noor.state('saved'), tove.state('saved')])
  }

  async assertStored(dataFolder: string): Promise<void> {
    const { look, textIn } = this.#editor
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(dataFolder, look.document))
    assert.equal(textIn(stored).trim(), 'Soup. Bread.')
    stored.destroy()
  }

  async workAlone(): Promise<void> {
    await Promise.all([this.#noor.state('offline'), this.#tove.state('offline'), this.#sees(this.#noor, 'Tove', false)])
    await this.#editor.type(this.#noor, 'Noor, offline.')
  }

  async workOn(): Promise<void> {
    const [noor, tove] = [this.#noor, this.#tove]
    await Promise.all([noor.wake(), tove.wake()])
    await this.#shows(tove, 'Soup. Bread. Noor, offline.')
    await Promise.all([noor.state('saved'), tove.state('saved'), this.#sees(noor, 'Tove'), this.#sees(tove, 'Noor')])
    // Undo takes back one's own work only.
    await tove.undo()
    await this.#shows(noor, 'Soup. Noor, offline.')
    assert.deepEqual([...noor.errors, ...tove.errors], [], this.#editor.example)
  }

  async #shows(person: ExamplePage, words: string): Promise<void> {
    await eventually(`"${words}" in ${this.#editor.example}`, async () => (await this.#editor.text(person)).trim() === words.trim(), 20_000)
  }

  /** Waits until somebody's cursor is there, or gone: Monaco has names in the style of what marks a cursor, the others as text. */
  async #sees(person: ExamplePage, name: string, there = true): Promise<void> {
    const { example, look } = this.#editor
    const names = (): Promise<string[]> =>
      person.page
        .locator(look.cursor)
        .evaluateAll((cursors) => cursors.map((cursor) => `${cursor.textContent} ${getComputedStyle(cursor, '::after').content}`))
    await eventually(
      `${name}'s cursor in ${example}: ${there}`,
      async () => (await names()).some((text) => text.includes(name)) === there,
      20_000,
    )
  }
}
