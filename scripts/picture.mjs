// `npm run picture`: takes the pictures of the documentation. Two people write in the demo, each in a browser window of their own, and both windows are put side
// by side into docs/images/demo.png; then one of them looks back, in docs/images/history.png.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureChromium } from './components.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const images = join(root, 'docs', 'images')
const window = { width: 660, height: 520 }
const documentId = 'notes/supper'

process.env.WEFT_TEST_CHROMIUM = ensureChromium()
await build({ ifStale: true })
const { DemoPage, launchBrowser, newPerson } = await import('../dist/test/helpers/browser.js')
const { ServerProcess } = await import('../dist/test/helpers/server-process.js')

async function openWindow(browser, url, name, colour) {
  const context = await newPerson(browser, name, colour)
  const demo = await DemoPage.open(context, url, documentId)
  await demo.page.setViewportSize(window)
  return demo
}

/** Both pictures on one page, as they would be on a desk. */
async function sideBySide(browser, pictures) {
  const margin = 24
  const page = await browser.newPage({
    viewport: { width: 2 * window.width + 3 * margin, height: window.height + 2 * margin },
  })
  const images = pictures.map((picture) => `<img src="data:image/png;base64,${picture.toString('base64')}">`)
  await page.setContent(`<style>
    body { margin: ${margin}px; display: flex; gap: ${margin}px; background: #d9d4c7 }
    img { border-radius: 10px; box-shadow: 0 2px 8px #0003 }
  </style>${images.join('')}`)
  await page.waitForFunction(() => [...document.images].every((image) => image.complete))
  return page.screenshot()
}

async function keepPicture(name, picture) {
  await writeFile(join(images, name), picture)
  console.log(`docs/images/${name}: ${Math.round(picture.length / 1024)} KiB`)
}

const server = await ServerProcess.start()
const browser = await launchBrowser()
try {
  const noor = await openWindow(browser, server.url, 'Noor', '#0f766e')
  const tove = await openWindow(browser, server.url, 'Tove', '#be185d')
  await noor.type('Supper on Friday')
  await noor.page.locator('[data-command="heading-1"]').click()
  await noor.newParagraph()
  await noor.type('Eight people, seven o’clock. Everybody brings one thing.')
  await noor.newParagraph()
  await noor.page.locator('[data-command="bullet-list"]').click()
  for (const line of ['Soup and bread: Noor', 'Two large salads: Tove']) {
    await noor.type(line)
    await noor.newParagraph()
  }
  await tove.waitForTexts('Two large salads: Tove')
  await noor.type('Plates and glasses: ')
  await tove.page.getByText('Everybody brings one thing.').click()
  await tove.page.keyboard.press('End')
  await tove.page.keyboard.type(' Music is')
  await noor.waitForTexts('Music is')
  await Promise.all([noor.caretOf('Tove'), tove.caretOf('Noor'), noor.personIsHere('Tove'), tove.personIsHere('Noor')])
  await Promise.all([noor.state('saved'), tove.state('saved')])
  const pictures = [await noor.page.screenshot(), await tove.page.screenshot()]
  await mkdir(images, { recursive: true })
  await keepPicture('demo.png', await sideBySide(browser, pictures))

  await noor.page.setViewportSize({ width: 1180, height: 620 })
  await noor.page.click('#history-toggle')
  await noor.page.fill('#history-name', 'As we agreed')
  await noor.page.click('#history-keep button')
  const version = noor.page.locator('.history-entry.version', { hasText: 'As we agreed' })
  await version.waitFor()
  await tove.page.getByText('Supper on Friday').click()
  await tove.page.keyboard.press('End')
  for (let letter = 0; letter < 'Friday'.length; letter++) await tove.page.keyboard.press('Backspace')
  await tove.page.keyboard.type('Saturday')
  await tove.type('Tove, and candles')
  await tove.state('saved')
  await noor.waitForTexts('Saturday', 'candles')
  await version.click()
  await noor.page.locator('#preview ins', { hasText: 'candles' }).waitFor()
  await keepPicture('history.png', await noor.page.screenshot())
} finally {
  await browser.close()
  await server.dispose()
}
