// The history panel of the demo in a real browser: two people, a version, a look back with what changed marked, and a restore that both see.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { DemoPage, launchBrowser, newPerson, withScreenshots } from '../helpers/browser.js'
import { ServerProcess } from '../helpers/server-process.js'

let browser: Browser
before(async () => {
  browser = await launchBrowser()
})
after(() => browser.close())

test('H2: a moment is named, looked at with what changed since and who wrote it, and restored while the other one watches', {
  timeout: 120_000,
}, async () => {
  const server = await ServerProcess.start()
  try {
    await withScreenshots('history', browser, async () => {
      const ada = await DemoPage.open(await newPerson(browser, 'Ada', '#0369a1'), server.url, 'notes/plan')
      const ben = await DemoPage.open(await newPerson(browser, 'Ben', '#be185d'), server.url, 'notes/plan')
      await ada.type('We open on Monday at nine.')
      await ada.state('saved')
      await ben.waitForTexts('We open on Monday at nine.')

      await ada.page.click('#history-toggle')
      await ada.page.fill('#history-name', 'First plan')
      await ada.page.click('#history-keep button')
      await ada.page.locator('.history-entry.version', { hasText: 'First plan' }).waitFor()

      await ben.type(' Ben brings ten chairs.')
      await ben.state('saved')
      await ada.waitForTexts('Ben brings ten chairs.')
      const version = ada.page.locator('.history-entry.version', { hasText: 'First plan' })
      await version.click()
      const preview = ada.page.locator('#preview')
      await preview.locator('ins', { hasText: 'Ben brings ten chairs.' }).waitFor()
      assert.equal(await ada.page.locator('#editor').isHidden(), true)

      await ada.page.uncheck('#history-changes')
      await preview.filter({ hasNotText: 'chairs' }).waitFor()
      assert.equal((await preview.innerText()).trim(), 'We open on Monday at nine.')
      await ada.page.check('#history-authors')
      await ada.page.locator('.history-entry.sitting').first().click()
      await preview.locator('.written[title="Ben"]', { hasText: 'Ben brings ten chairs.' }).waitFor()
      await preview.locator('.written[title="Ada"]', { hasText: 'We open on Monday' }).waitFor()

      await version.click()
      await ada.page.locator('#history-restore:not([disabled])').click()
      await ada.page.locator('.history-entry.version', { hasText: 'Before the restore' }).waitFor()
      for (const person of [ada, ben])
        await person.page.waitForFunction(() => !document.querySelector('.ProseMirror')?.textContent?.includes('chairs'))
      assert.deepEqual((await ben.blocks()).join('').trim(), 'We open on Monday at nine.')
      // Whoever types goes on, and was never disconnected.
      await ben.type(' Still here.')
      await ada.page.keyboard.press('Escape')
      await ada.waitForTexts('Still here.')
      await ben.state('saved')
      assert.deepEqual([...ada.errors, ...ben.errors], [])
    })
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
  }
})
