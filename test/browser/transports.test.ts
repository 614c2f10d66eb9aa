// The demo in a browser whose proxy lets no WebSocket through, or holds every answer back: people type, see each other, and come back after a kill.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { DemoPage, launchBrowser, newPerson, withScreenshots } from '../helpers/browser.js'
import { HttpProxy } from '../helpers/http-proxy.js'
import { ServerProcess } from '../helpers/server-process.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

async function behindProxy(
  name: string,
  holdsBack: boolean,
  body: (server: ServerProcess, proxy: HttpProxy) => Promise<void>,
): Promise<void> {
  const server = await ServerProcess.start()
  try {
    const proxy = await HttpProxy.start({ targets: [server.port], buffers: holdsBack })
    try {
      await withScreenshots(name, browser, () => body(server, proxy))
    } finally {
      await Promise.all(browser.contexts().map((context) => context.close()))
      await proxy.stop()
    }
  } finally {
    await server.dispose()
  }
}

for (const { holdsBack, path } of [
  { holdsBack: false, path: '/events' },
  { holdsBack: true, path: '/poll' },
])
  test(
    `D3: a page goes by ${path} where the proxy passes nothing better, and loses nothing when the server is killed`,
    { timeout: 120_000 },
    () =>
      behindProxy(`transports${path.replace('/', '-')}`, holdsBack, async (server, proxy) => {
        const noor = await DemoPage.open(await newPerson(browser, 'Noor', '#0f766e'), proxy.url, 'notes/supper')
        const tove = await DemoPage.open(await newPerson(browser, 'Tove', '#be185d'), server.url, 'notes/supper')
        await noor.state('saved')
        assert.ok(proxy.count(path) > 0)
        assert.ok(proxy.count('upgrade') > 0, 'a WebSocket was tried')
        await noor.type('Soup and bread.')
        await tove.waitForTexts('Soup and bread.')
        await tove.newParagraph()
        await tove.type('Two large salads.')
        await noor.waitForTexts('Soup and bread.', 'Two large salads.')
        await Promise.all([noor.caretOf('Tove'), tove.caretOf('Noor')])
        await Promise.all([noor.personIsHere('Tove'), tove.personIsHere('Noor')])

        const typing = noor.type('Noor goes on typing while the server dies. ')
        await server.kill()
        await typing
        await noor.state('offline')
        await server.restart()
        await Promise.all([noor.state('saved'), tove.state('saved')])
        await tove.waitForTexts('Noor goes on typing while the server dies.')
        await Promise.all([noor.caretOf('Tove'), tove.caretOf('Noor')])
        assert.deepEqual(await tove.blocks(), await noor.blocks())
        // A page that is left says so.
        await noor.page.goto(`${server.url}/healthz`)
        await tove.page.waitForFunction(() => document.querySelector('#people [title="Noor"]') === null, undefined, { timeout: 5_000 })
        assert.deepEqual([...noor.errors, ...tove.errors], [])
      }),
  )
