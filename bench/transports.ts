// The same typing by WebSocket, by server-sent events and POSTs, and by long polls, each with our client: delivery to the other writer, and server CPU. The transports
// take turns in one run, so that they can be compared on a busy machine. With --browser the clients are in a page in Chromium, as those are that need events and polls.
// Usage: node dist/bench/transports.js [--browser] [--transport=sse] [--documents=20] [--rate=5] [--seconds=5] [--rounds=2]
import path from 'node:path'
import { transportNames } from '../client/transports/negotiation.js'
import { launchBrowser } from '../test/helpers/browser.js'
import { openScript } from '../test/helpers/scripted-page.js'
import { judge, option, percentile, report, startServer } from './harness.js'
import { type Delivered, playTransport, type TransportLoad } from './transport-load.js'

const inBrowser = process.argv.includes('--browser')
// A browser has six connections to a server at a time, of which each client's events take one.
const documents = option('documents', inBrowser ? 1 : 20)
const rate = option('rate', 5)
const seconds = option('seconds', 5)
const rounds = option('rounds', 2)
/** What is compared with the WebSocket. */
const asked = process.argv.find((argument) => argument.startsWith('--transport='))?.slice('--transport='.length)
const transports = transportNames.filter((name) => asked === undefined || name === 'websocket' || name === asked)

declare const playInPage: (load: TransportLoad) => Promise<Delivered>

const server = await startServer()
const browser = inBrowser ? await launchBrowser() : null
const script = `import { playTransport } from ${JSON.stringify(path.resolve('dist/bench/transport-load.js'))}; globalThis.playInPage = playTransport`
const results = new Map(transports.map((name) => [name, { latenciesMs: [] as number[], edits: 0, cpuSeconds: 0, clientCpuSeconds: 0 }]))

for (let round = 0; round < rounds; round++)
  for (const transport of transports) {
    const result = results.get(transport)
    if (result === undefined) continue
    const load = { url: server.url, transport, prefix: `${transport}-${round}`, documents, rate, seconds }
    let serverCpu = server.cpuSeconds()
    let ownCpu = process.cpuUsage()
    const began = (): void => {
      serverCpu = server.cpuSeconds()
      ownCpu = process.cpuUsage()
    }
    const ended = (): void => {
      result.cpuSeconds += server.cpuSeconds() - serverCpu
      const { user, system } = process.cpuUsage(ownCpu)
      result.clientCpuSeconds += (user + system) / 1_000_000
    }
    const page = browser === null ? null : await openScript(browser, 'Transports', script)
    const { edits, latenciesMs } =
      page === null ? await playTransport(load, began, ended) : await page.evaluate((it) => playInPage(it), load)
    await page?.close()
    result.edits += edits
    result.latenciesMs.push(...latenciesMs)
  }

const p50 = (name: (typeof transports)[number]): number => percentile(results.get(name)?.latenciesMs ?? [], 0.5)
for (const [name, { latenciesMs, edits, cpuSeconds, clientCpuSeconds }] of results)
  report(`transports: ${name}${inBrowser ? ' in Chromium' : ''}, ${documents} × 2 × ${rate}/s`, {
    edits,
    ...(inBrowser
      ? {}
      : {
          'server CPU ms per 1,000 edits': (cpuSeconds * 1_000_000) / edits,
          'client CPU ms per 1,000 edits': (clientCpuSeconds * 1_000_000) / edits,
        }),
    'delivery p50 ms': percentile(latenciesMs, 0.5),
    'p99 ms': percentile(latenciesMs, 0.99),
    'p50 × WebSocket': p50(name) / p50('websocket'),
  })
if (transports.includes('sse')) judge('delivery by events and POSTs, p50', p50('sse') / p50('websocket'), 1.5, '× WebSocket')
await browser?.close()
await server.stop()
