// A long run: the example with Next.js as somebody would make it their own. The packed package and Next.js are installed into an empty project, the application is built, and two
// people sign in to it and write in two browsers. It needs the registry: `npm run build && node dist/test/browser/next-run.js`.
import { strict as assert } from 'node:assert'
import { execFile, spawn } from 'node:child_process'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { launchBrowser } from '../helpers/browser.js'
import { freePort } from '../helpers/free-port.js'
import { withInstalledPackage } from '../helpers/packed-package.js'
import { repositoryRoot } from '../helpers/repository.js'
import { runCommand } from '../helpers/run-command.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const run = promisify(execFile)
const adminKey = 'the-admin-key-of-this-long-run'

const application = join(repositoryRoot, 'examples/next-app')
const { dependencies, devDependencies } = JSON.parse(await readFile(join(application, 'package.json'), 'utf8'))
const others = Object.entries({ ...dependencies, ...devDependencies })
  .filter(([name]) => name !== 'weft-sync')
  .map(([name, range]) => `${name}@${range}`)

await withInstalledPackage(async ({ project }) => {
  for (const name of ['app', 'session.ts', 'tsconfig.json']) await cp(join(application, name), join(project, name), { recursive: true })
  const next = join(project, 'node_modules/next/dist/bin/next')
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', SESSION_SECRET: 'a secret of this long run' }
  const began = performance.now()
  await run(process.execPath, [next, 'build'], { cwd: project, env, timeout: 300_000 })
  console.log(`built after ${((performance.now() - began) / 1000).toFixed(1)} s`)

  const weft = await ServerProcess.start({ environment: { WEFT_ADMIN_KEY: adminKey } })
  const browser = await launchBrowser()
  const port = await freePort()
  const made = await runCommand(['keys', 'create', 'next', '--documents', 'notes/**=admin', '--url', weft.url, '--token', adminKey])
  assert.equal(made.code, 0, made.stderr)
  const child = spawn(process.execPath, [next, 'start', '--port', String(port), '--hostname', '127.0.0.1'], {
    cwd: project,
    env: { ...env, WEFT_URL: weft.url, WEFT_PUBLIC_URL: weft.webSocketUrl, WEFT_API_KEY: made.stdout.trim() },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    const url = `http://127.0.0.1:${port}`
    await eventually('the application answers', async () => (await fetch(url).catch(() => null))?.status === 200)
    assert.equal((await fetch(`${url}/api/ticket`, { method: 'POST' })).status, 401, 'nobody gets a ticket without signing in')
    const forged = { cookie: 'session=ann.Zm9yZ2Vk' }
    assert.equal((await fetch(`${url}/api/ticket`, { method: 'POST', headers: forged })).status, 401)

    const pages = await Promise.all(
      ['ann', 'ben'].map(async (name) => {
        const page = await (await browser.newContext()).newPage()
        await page.goto(url)
        await page.getByLabel('Your name').fill(name)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByText(`Signed in as ${name}.`).waitFor()
        return page
      }),
    )
    for (const [index, page] of pages.entries()) {
      await page.getByLabel('A new note').fill(`note ${index}`)
      await page.getByRole('button', { name: 'Add' }).click()
    }
    for (const page of pages) {
      for (const index of pages.keys()) await page.getByText(`note ${index}`).waitFor()
      await page.getByText('Saved').waitFor()
    }
    // A server that is started anew is met with another ticket, since each is good once.
    await weft.kill()
    await weft.restart()
    await pages[0]?.getByLabel('A new note').fill('after the restart')
    await pages[0]?.getByRole('button', { name: 'Add' }).click()
    await pages[1]?.getByText('after the restart').waitFor({ timeout: 60_000 })
    const changes = await runCommand(['changes', 'notes/team', '--json', '--url', weft.url, '--token', adminKey])
    for (const name of ['ann', 'ben']) assert.match(changes.stdout, new RegExp(`"${name}"`), 'the log names whose ticket it was')
    console.log('Two people wrote in two browsers, with tickets of the application; the log names them.')
  } finally {
    child.kill('SIGKILL')
    await browser.close()
    await weft.dispose()
  }
}, others)
