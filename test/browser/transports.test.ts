// The demo in a browser whose proxy lets no WebSocket through, or holds every answer back: people type, see each other, and come back after a kill.
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { DemoPage, launchBrowser, newPerson, withScreenshots } from '../helpers/browser.js'
import { HttpProxy } from '../helpers/http-proxy.js'
import { openScript } from '../helpers/scripted-page.js'
import { ServerProcess } from '../helpers/server-process.js'

declare const typeOverHttp: (url: string, edits: number) => Promise<void>

/** Types in a document, each time when what was typed before is saved. */
const typing = `
  import { connect } from ${JSON.stringify(path.resolve('dist/client/index.js'))}
  import * as Y from 'yjs'
  globalThis.typeOverHttp = async (url, edits) => {
    const connection = connect(url, { transports: ['sse'] })
    const doc = new Y.Doc()
    const session = connection.open('lists/shopping', doc, { awareness: null })
    await session.synced
    for (let count = 0; count < edits; count++) {
      doc.getArray('items').push([count])
      while (session.status.state !== 'saved') await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await connection.close()
  }`

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

for (const { holdsBack, way } of [
  { holdsBack: false, way: '/events' },
  { holdsBack: true, way: '/poll' },
])
  test(
    `D3: a page goes by ${way} where the proxy passes nothing better, and loses nothing when the server is killed`,
    { timeout: 120_000 },
    () =>
      behindProxy(`transports${way.replace('/', '-')}`, holdsBack, async (server, proxy) => {
        const noor = await DemoPage.open(await newPerson(browser, 'Noor', '#0f766e'), proxy.url, 'notes/supper')
        const tove = await DemoPage.open(await newPerson(browser, 'Tove', '#be185d'), server.url, 'notes/supper')
        await noor.state('saved')
        assert.ok(proxy.count(way) > 0)
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

test('a page of another origin asks once whether it may send, however often it does', { timeout: 60_000 }, () =>
  behindProxy('transports-preflight', false, async (_server, proxy) => {
    const page = await openScript(browser, 'Noor', typing)
    await page.evaluate(([url, edits]) => typeOverHttp(url, edits), [proxy.url, 20] as const)
    assert.ok(proxy.count('/messages') >= 20, `${proxy.count('/messages')} requests`)
    // For opening, for what comes, for what goes, and for closing.
    const asked = proxy.count('preflight')
    assert.ok(asked > 0 && asked <= 4, `it asked ${asked} times`)
  }),
)
