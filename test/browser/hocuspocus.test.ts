// Hocuspocus' published providers in a real browser: twenty of them of three major versions, connections that are lost, a server that is killed, a late joiner.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { type ClientReport, HocuspocusPage } from '../helpers/hocuspocus-page.js'
import { startLocalServer } from '../helpers/local-server.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

const documentId = 'notes/twenty'
const SEED = 11

test("D3: what Hocuspocus' providers in a browser have as synced is there after a kill, and twenty of them and a late joiner converge", {
  timeout: 120_000,
}, async () => {
  const browser = await launchBrowser()
  const server = await ServerProcess.start()
  try {
    const pages = await Promise.all(['One', 'Two'].map((name) => HocuspocusPage.open(browser, name)))
    const reports = async (): Promise<ClientReport[]> => (await Promise.all(pages.map((page) => page.report()))).flat()
    for (const [index, page] of pages.entries()) {
      for (const version of [2, 3, 4] as const)
        for (let client = 0; client < 2; client++)
          await page.connect(server.webSocketUrl, documentId, `${index}v${version}c${client}`, version)
      // Four sessions on one socket, each with its own awareness.
      await page.connect(server.webSocketUrl, documentId, `${index}v4s`, 4, 4)
    }
    await eventually('all are in step and see each other', async () => {
      const all = await reports()
      return all.length === 20 && all.every(({ inStep, people }) => inStep && people.length === 20)
    })

    await Promise.all(pages.map((page, index) => page.work(15, SEED + index)))
    await eventually('much was typed and most of it synced', async () => {
      const all = await reports()
      return all.flatMap(({ settled }) => settled).length >= 150
    })
    await server.kill()
    await Promise.all(pages.map((page) => page.rest()))
    const settled = (await reports()).flatMap((client) => client.settled)
    const stored = new Y.Doc()
    Y.applyUpdate(stored, await storedDocument(server.dataFolder, documentId))
    const text = stored.getText('body').toString()
    stored.destroy()
    assert.deepEqual(
      settled.filter((word) => !text.includes(word)),
      [],
      'what was synced is on the disk',
    )

    await server.restart()
    const [first] = pages
    await first?.connect(server.webSocketUrl, documentId, 'late', 4)
    // Cursors of the others come back with their next renewal, within 15 s: the providers take nothing again at the clock that they know.
    await eventually(
      'everybody has what everybody typed',
      async () => {
        await Promise.all(pages.map((page) => page.connectAll()))
        const all = await reports()
        const typed = all.flatMap((client) => client.typed)
        return all.length === 21 && all.every(({ inStep, text }) => inStep && typed.every((word) => text.includes(word)))
      },
      20_000,
    ).catch(async (error: unknown) => {
      const all = await reports()
      const typed = all.flatMap((client) => client.typed)
      const behind = all.map(({ who, provider, inStep, text }) => ({
        who,
        provider,
        inStep,
        lacks: typed.filter((word) => !text.includes(word)).length,
      }))
      throw new Error(`${error}: ${JSON.stringify(behind.filter(({ inStep, lacks }) => !inStep || lacks > 0))}`)
    })
    const states = (await Promise.all(pages.map((page) => page.states()))).flat().map((state) => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, state)
      return canonicalState(doc)
    })
    assert.equal(new Set(states).size, 1)
  } finally {
    await browser.close()
    await server.dispose()
  }
})

test("G6, X3: in a browser, Hocuspocus' providers renew a token that ends and go on, and readers read: what they type is neither taken nor called synced", {
  timeout: 60_000,
}, async () => {
  const browser = await launchBrowser()
  const { server, webSocketUrl } = await startLocalServer({
    authorize: ({ token }) => ({
      user: token,
      permission: token === 'reader' ? 'read-only' : 'read-write',
      expiresAt: Date.now() + (token === 'short' ? 1_500 : 3_600_000),
    }),
  })
  const versions = [2, 3, 4] as const
  try {
    const page = await HocuspocusPage.open(browser, 'Tokens')
    const report = async (who: string): Promise<ClientReport> => {
      const found = (await page.report()).find((client) => client.who === who)
      return found ?? assert.fail(who)
    }
    const become = (who: string, holds: (client: ClientReport) => boolean): Promise<void> =>
      eventually(who, async () => holds(await report(who)))
    await page.connect(webSocketUrl, documentId, 'writer', 4)
    for (const version of versions) {
      await page.connect(webSocketUrl, documentId, `reader${version}`, version, 1, ['reader'])
      await page.connect(webSocketUrl, documentId, `short${version}`, version, 1, ['short', 'long'])
    }
    for (const version of versions) {
      await become(`reader${version}.0`, ({ inStep, scope }) => inStep && scope === 'readonly')
      await page.type(`reader${version}.0`, `never${version} `)
      await become(`reader${version}.0`, ({ unsynced }) => unsynced === 1)
    }
    // Version 2 knows no request for a token: it is refused when the token ends.
    await become('short2.0', ({ denied }) => denied !== null)
    for (const version of [3, 4] as const) {
      await become(`short${version}.0`, ({ asked, inStep, denied }) => asked === 2 && inStep && denied === null)
      await page.type(`short${version}.0`, `renewed${version} `)
      await become(`short${version}.0`, ({ inStep }) => inStep)
    }
    for (const version of versions)
      await become(
        `reader${version}.0`,
        ({ text }) => text.includes('renewed3') && text.includes('renewed4') && text.includes(`never${version}`),
      )
    const [writer, ...others] = [await report('writer.0'), ...(await Promise.all(versions.map((version) => report(`reader${version}.0`))))]
    assert.doesNotMatch(writer?.text ?? '', /never/)
    assert.deepEqual(
      others.map(({ unsynced }) => unsynced),
      [1, 1, 1],
    )
  } finally {
    await browser.close()
    await server.close()
  }
})
