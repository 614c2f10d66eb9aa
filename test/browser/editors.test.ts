// The examples without a framework in real browsers: two people, their cursors, and a server that is killed under them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { type EditorLook, ExamplePage, exampleDocument, withExample } from '../helpers/example-page.js'
import { eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

test('D3: two people type with Tiptap, the server is killed under them, and text and cursors are there again', { timeout: 120_000 }, () =>
  killWhileWorking({
    example: 'tiptap-editor',
    look: { input: '.ProseMirror', line: '.ProseMirror > *', notText: '.caret', cursor: '.caret-name' },
    ...typing((doc) => doc.getXmlFragment('body').toString().replaceAll(/<.*?>/g, '')),
  }),
)

test('D3: two people draw, the server is killed under them, and strokes and pointers are there again', { timeout: 120_000 }, () =>
  killWhileWorking({
    example: 'drawing',
    look: { input: 'canvas', line: 'canvas', cursor: '.pointer span' },
    add: ({ page }, part) => drawLine(page, heights[part]),
    shows: ({ page }, parts) =>
      eventually(`the lines ${parts}`, async () => {
        const painted = await Promise.all(heights.map((height) => isPainted(page, height)))
        return painted.every((there, part) => there === parts.includes(part as Part))
      }),
    assertStored: (doc) => assert.equal(doc.getArray('strokes').length, 2),
  }),
)

test('D3: two people type with Quill, the server is killed under them, and text and cursors are there again', { timeout: 120_000 }, () =>
  killWhileWorking({
    example: 'quill-editor',
    look: { input: '.ql-editor', line: '.ql-editor > *', cursor: '.ql-cursor-name' },
    ...typing((doc) => doc.getText('body').toString()),
  }),
)

/** What the two make: a part before the other one's, that one's, and one while the server is away. */
type Part = 0 | 1 | 2

interface Scene {
  readonly example: string
  readonly look: EditorLook
  readonly add: (person: ExamplePage, part: Part) => Promise<void>
  /** Waits until these parts are seen, and no others. */
  readonly shows: (person: ExamplePage, parts: readonly Part[]) => Promise<void>
  /** That the first two are in what the killed server had stored. */
  readonly assertStored: (doc: Y.Doc) => void
}

function killWhileWorking({ example, look, add, shows, assertStored }: Scene): Promise<void> {
  return withExample(example, browser, async (server) => {
    const [noor, tove] = await Promise.all(['Noor', 'Tove'].map((name) => ExamplePage.open(browser, server, name, look)))
    assert.ok(noor !== undefined && tove !== undefined)
    await add(noor, 0)
    await shows(tove, [0])
    await add(tove, 1)
    await shows(noor, [0, 1])
    await Promise.all([noor.person('Tove'), tove.person('Noor'), noor.cursor('Tove'), tove.cursor('Noor')])
    await Promise.all([noor.state('saved'), tove.state('saved')])

    await server.kill()
    await Promise.all([noor.state('offline'), tove.state('offline'), noor.cursor('Tove', 'detached')])
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, exampleDocument))
    assertStored(stored)
    stored.destroy()
    await add(noor, 2)

    await server.restart()
    await Promise.all([noor.wake(), tove.wake()])
    await shows(tove, [0, 1, 2])
    await Promise.all([noor.state('saved'), tove.state('saved'), noor.cursor('Tove'), tove.cursor('Noor')])
    // Undo takes back one's own work only.
    await tove.undo()
    await shows(noor, [0, 2])
    assert.deepEqual([...noor.errors, ...tove.errors], [])
  })
}

const words = ['Soup. ', 'Bread. ', 'Noor, offline.'] as const

function typing(textIn: (doc: Y.Doc) => string): Pick<Scene, 'add' | 'shows' | 'assertStored'> {
  return {
    add: (person, part) => person.type(words[part]),
    shows: (person, parts) => person.shows(parts.map((part) => words[part]).join('')),
    assertStored: (doc) => assert.equal(textIn(doc), 'Soup. Bread. '),
  }
}

/** Where the lines are, in parts of the canvas' height. */
const heights = [0.2, 0.4, 0.6] as const

async function drawLine(page: Page, height: number): Promise<void> {
  const box = await page.locator('canvas').boundingBox()
  assert.ok(box !== null)
  const y = box.y + height * box.height
  await page.mouse.move(box.x + 0.2 * box.width, y)
  await page.mouse.down()
  await page.mouse.move(box.x + 0.8 * box.width, y, { steps: 5 })
  await page.mouse.up()
}

function isPainted(page: Page, height: number): Promise<boolean> {
  return page.locator('canvas').evaluate((element, part) => {
    const canvas = element as HTMLCanvasElement
    const pixel = canvas.getContext('2d')?.getImageData(canvas.width / 2, Math.round(canvas.height * part), 1, 1).data
    return (pixel?.[3] ?? 0) > 0
  }, height)
}
