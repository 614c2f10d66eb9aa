// A server with little memory against clients that ask for much: it refuses, stays, and gives back what it took.
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Limits } from '../../core/limits.js'
import { decodeWeftServer } from '../../protocol/dialects/weft.js'
import { readMetric } from '../helpers/metrics.js'
import { RawClient } from '../helpers/raw-client.js'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const MiB = 1024 * 1024
const script = fileURLToPath(new URL('../helpers/limited-server.js', import.meta.url))

async function start(context: TestContext, heapMb: number, limits: Partial<Limits>): Promise<ServerProcess> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weft-memory-'))
  const server = await ServerProcess.start({
    dataFolder,
    nodeFlags: [`--max-old-space-size=${heapMb}`],
    script: { file: script, arguments: (port) => [String(port), dataFolder, JSON.stringify(limits)] },
  })
  context.after(async () => {
    await server.kill()
    await rm(dataFolder, { recursive: true, force: true })
  })
  return server
}

test('G8: names that do not exist, many times more than fit into its memory, do not end a server, and leave nothing behind', async (context) => {
  const server = await start(context, 110, { memoryBytesMax: 48 * MiB })
  const visitors: RawClient[] = []
  let opened = 0
  let refused = 0
  for (let visitor = 0; visitor < 20; visitor++) {
    const client = await RawClient.weft(server.webSocketUrl)
    visitors.push(client)
    let answered = 0
    client.socket.removeAllListeners('message').on('message', (data: Buffer) => {
      const { type } = decodeWeftServer(new Uint8Array(data))
      if (type === 'opened') opened += 1
      if (type === 'closed') refused += 1
      if (type === 'opened' || type === 'closed') answered += 1
    })
    for (let channel = 1; channel <= 1_000; channel++)
      client.sendWeft({
        type: 'open',
        channel,
        documentId: `no-such-document-${visitor}-${channel}`,
        token: '',
        known: { kind: 'nothing' },
      })
    await eventually('an answer to each', () => answered === 1_000 || !server.running)
  }
  assert.ok(server.running, 'it lives')
  assert.equal(opened + refused, 20_000)
  assert.ok(opened > 1_000 && refused > 10_000, `${opened} were opened, ${refused} refused`)
  assert.ok((await readMetric(server.url, 'memory_counted_bytes')) < 48 * MiB)
  for (const visitor of visitors) visitor.close()
  await eventually('nothing is held', async () => (await readMetric(server.url, 'memory_documents_bytes')) === 0)
  assert.equal(await readMetric(server.url, 'open_documents'), 0)
  await eventually('nothing waits', async () => (await readMetric(server.url, 'memory_outboxes_bytes')) === 0)
  const newcomer = await RawClient.weft(server.webSocketUrl)
  newcomer.sendWeft({ type: 'open', channel: 1, documentId: 'no-such-document-1-1', token: '', known: { kind: 'nothing' } })
  await newcomer.weftMessage('opened')
  newcomer.close()
})
