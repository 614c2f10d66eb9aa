// The admin page in a real browser: signing in, seeing who comes, closing a session, revoking a user, reading a history and draining, by mouse and by keyboard,
// wide and narrow, light and dark; and in a cluster, where it shows and drains another node than the one that it came from.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { ApiClient } from '../helpers/api-client.js'
import { launchBrowser, withScreenshots } from '../helpers/browser.js'
import { LocalCluster, nodeIdOf } from '../helpers/local-cluster.js'
import { ServerProcess } from '../helpers/server-process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

const adminKey = 'the-key-of-the-operator'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
const connections: WeftConnection[] = []
after(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await browser.close()
})

/** The page, and what the browser complained about but for answers that were refusals: a policy that something breaks, an error nobody caught. */
async function openPage(url: string, options: BrowserContextOptions = {}): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|ERR_CONNECTION/.test(message.text())) errors.push(message.text())
  })
  await page.goto(`${url}/admin`)
  return { page, errors }
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.locator('#token').fill(token)
  await page.keyboard.press('Enter')
}

async function client(
  server: ServerProcess,
  user: string,
  documents: Readonly<Record<string, string>>,
): Promise<(documentId: string) => DocumentSession> {
  const { secret } = await new ApiClient(server.url, adminKey).expect('POST', '/keys', { name: user, user, documents })
  const connection = connect(server.webSocketUrl, { token: secret, logger: silentLogger })
  connections.push(connection)
  return (documentId) => connection.open(documentId, new Y.Doc())
}

test('an operator signs in, sees a session appear, closes it, revokes a user, reads a history, and drains the node', {
  timeout: 120_000,
}, async () => {
  const server = await ServerProcess.start({ flags: ['--admin-key', adminKey] })
  try {
    await withScreenshots('admin', browser, async () => {
      const { page, errors } = await openPage(server.url)
      await signIn(page, 'not-the-key-of-the-operator')
      await page.locator('.error', { hasText: 'does not know tokens of this kind' }).waitFor()
      await signIn(page, adminKey)
      await page.locator('.nothing', { hasText: 'Nobody is connected.' }).waitFor()
      assert.ok(!page.url().includes(adminKey))
      assert.equal(
        await page.evaluate((key) => JSON.stringify({ ...localStorage }).includes(key) || document.cookie.includes(key), adminKey),
        false,
      )

      const ada = (await client(server, 'ada', { '**': 'write' }))('notes/plan')
      const openOfBen = await client(server, 'ben', { 'notes/**': 'read' })
      const ben = openOfBen('notes/plan')
      ada.doc.getText('body').insert(0, 'We open on Monday.')
      await Promise.all([ada.saved(), ben.synced])
      const row = (user: string) => page.locator('tr[data-session]', { has: page.getByRole('button', { name: user, exact: true }) })
      await row('ada').waitFor()
      assert.match((await row('ada').textContent()) ?? '', /notes\/plan.*this machine.*write.*up to date/s)
      assert.match((await row('ben').textContent()) ?? '', /read/)
      await page.locator('#busiest + table', { hasText: 'notes/plan' }).waitFor()

      await row('ada').getByRole('button', { name: 'notes/plan', exact: true }).click()
      const dialog = page.getByRole('dialog', { name: 'The history of notes/plan' })
      await dialog.locator('li button', { hasText: 'ada' }).click()
      await dialog.locator('pre', { hasText: 'We open on Monday.' }).waitFor()
      await page.keyboard.press('Escape')
      // Until it is gone what lies under it takes no key.
      await dialog.waitFor({ state: 'detached' })

      // Closed by keyboard alone: the dialog has the focus, and Escape leaves it without having done anything.
      await row('ada')
        .getByRole('button', { name: /^Close/ })
        .focus()
      await page.keyboard.press('Enter')
      await page.getByRole('dialog', { name: 'Close this session?' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal(await row('ada').count(), 1)
      await row('ada')
        .getByRole('button', { name: /^Close/ })
        .focus()
      await page.keyboard.press('Enter')
      // The keys are faster than the page draws: a Tab before the dialog is there goes to the next button.
      await page.getByRole('dialog', { name: 'Close this session?' }).waitFor()
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      await row('ada').waitFor({ state: 'detached' })
      await page.locator('.toast', { hasText: 'The session is closed.' }).waitFor()
      await until(() => ada.status.state === 'refused', 'its client was told')

      await row('ben')
        .getByRole('button', { name: /^Revoke/ })
        .click()
      await page.getByRole('dialog').getByRole('combobox').selectOption({ label: 'for an hour' })
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke the user' }).click()
      await row('ben').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Show', exact: true }).click()
      await page.locator('#revoked').locator('xpath=ancestor::section').locator('tr', { hasText: 'ben' }).waitFor()
      await page.locator('#refusals + p', { hasText: 'unauthenticated' }).waitFor()

      await page.getByRole('button', { name: 'Drain…' }).click()
      await page.getByRole('dialog').getByText('No other node is there').waitFor()
      await page.getByRole('dialog').getByRole('button', { name: 'Drain the node' }).click()
      await until(() => !server.running, 'the node has ended')
      assert.equal(server.exitCode, 0)
      await page.getByRole('alert').waitFor()
      assert.deepEqual(errors, [])
      assert.ok(!server.output.includes(adminKey), 'no key in the log')
    })
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
  }
})

test('G4: of a cluster the page shows whichever node is chosen, and drains that one from afar: it ends cleanly, and its clients go on at the other', {
  timeout: 120_000,
}, async (context) => {
  const cluster = await LocalCluster.start({ nodes: 2, flags: ['--admin-key', adminKey] })
  context.after(() => cluster.stop())
  const balancer = await TcpProxy.start()
  try {
    await withScreenshots('admin-cluster', browser, async () => {
      const [near, far] = cluster.nodes
      assert.ok(near !== undefined && far !== undefined)
      balancer.aim(far.port)
      const { page, errors } = await openPage(near.url)
      await signIn(page, adminKey)
      const connection = connect(`ws://${balancer.address}`, { token: adminKey, logger: silentLogger })
      connections.push(connection)
      const session = connection.open('notes/plan', new Y.Doc())
      await session.synced
      const nodes = page.locator('#nodes + table')
      await nodes.locator('tr.self', { hasText: nodeIdOf(0) }).waitFor()
      await page.locator('.nothing', { hasText: 'Nobody is connected.' }).waitFor()
      await nodes.getByRole('button', { name: nodeIdOf(1), exact: true }).click()
      await page.getByRole('heading', { level: 1, name: nodeIdOf(1) }).waitFor()
      await page.locator('tr[data-session]', { hasText: 'notes/plan' }).waitFor()
      await page.locator('#nodes + table tr.self', { hasText: nodeIdOf(1) }).waitFor()
      await page.getByRole('button', { name: 'Drain…' }).click()
      const dialog = page.getByRole('dialog', { name: `Drain ${nodeIdOf(1)}?` })
      await dialog.waitFor()
      assert.equal(await dialog.getByText('No other node is there').count(), 0)
      balancer.aim(near.port)
      await dialog.getByRole('button', { name: 'Drain the node' }).click()
      await until(() => !far.running, 'the other node has ended')
      assert.deepEqual([far.exitCode, near.running], [0, true])
      // Nobody is left to look at, so the page shows the node that it came from.
      await page.getByRole('heading', { level: 1, name: nodeIdOf(0) }).waitFor()
      session.doc.getText('body').insert(0, 'And on.')
      await session.saved()
      await page.locator('tr[data-session]', { hasText: 'notes/plan' }).waitFor()
      assert.deepEqual(errors, [])
    })
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await Promise.all([balancer.stop(), cluster.stop()])
  }
})

test('without anything configured the page is there at once on this machine, fits a narrow screen, and is dark where that is wished', {
  timeout: 60_000,
}, async () => {
  const server = await ServerProcess.start({ flags: ['--base-path', '/collab'] })
  try {
    await withScreenshots('admin-narrow', browser, async () => {
      const connection = connect(`${server.webSocketUrl}/collab`, { logger: silentLogger })
      connections.push(connection)
      await connection.open(`a/${'long-name-without-any-place-to-break'.repeat(4)}`, new Y.Doc()).synced
      const colours: string[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, errors } = await openPage(`${server.url}/collab`, { viewport: { width: 360, height: 740 }, colorScheme })
        await page.locator('tr[data-session]').waitFor()
        await page.locator('.plot canvas').first().waitFor()
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, 'nothing is wider than the screen')
        assert.equal(await page.getByRole('button', { name: /^Revoke/ }).count(), 0, 'nobody known cannot be revoked')
        colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor))
        assert.deepEqual(errors, [])
      }
      assert.notEqual(colours[0], colours[1])
    })
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
  }
})
