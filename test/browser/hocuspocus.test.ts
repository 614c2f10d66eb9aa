// Hocuspocus' published providers in a real browser: twenty of them of three major versions, connections that are lost, a server that is killed, a late joiner.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { launchBrowser } from '../helpers/browser.js'
import { type ClientReport, HocuspocusPage } from '../helpers/hocuspocus-page.js'
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
