// A page with a script of a test's own, bundled on the spot, for published clients in a real browser.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { newPerson } from './browser.js'

/** `script` may import whatever this repository has installed. */
export async function openScript(browser: Browser, name: string, script: string): Promise<Page> {
  const bundle = bundles.get(script) ?? bundled(script)
  bundles.set(script, bundle)
  const contents = await bundle
  const page = await (await newPerson(browser, name, '#4338ca')).newPage()
  // Served from an origin of its own, as an application would be. (A page made up by the test would count as public, and Chromium
  // keeps public pages away from sockets of this machine.)
  const application = createServer((request, response) => {
    const isScript = request.url === '/script.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? contents : `<!doctype html><title>${name}</title><script src="/script.js"></script>`)
  })
  await once(application.listen(0, '127.0.0.1'), 'listening')
  try {
    await page.goto(`http://127.0.0.1:${(application.address() as AddressInfo).port}/`)
  } finally {
    application.closeAllConnections()
    application.close()
  }
  return page
}

/** Pages with the same script share its bundle. */
const bundles = new Map<string, Promise<Uint8Array | undefined>>()

async function bundled(script: string): Promise<Uint8Array | undefined> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: process.cwd() },
    bundle: true,
    format: 'iife',
    write: false,
    logLevel: 'error',
  })
  return outputFiles[0]?.contents
}
