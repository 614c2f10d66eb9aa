// Bodies of requests: what is large waits on the disk and not in memory, what there is no memory for is refused, and what does not move is given up.
import { strict as assert } from 'node:assert'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import type { Limits } from '../../core/limits.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { until } from '../helpers/until.js'

const MiB = 1024 * 1024

async function start(context: TestContext, limits: Partial<Limits>, options = {}): Promise<LocalServer & { readonly api: ApiClient }> {
  const local = await startLocalServer({ limits, ...options })
  context.after(() => local.server.close())
  return { ...local, api: new ApiClient(local.server.url) }
}

function updateOf(bytes: number): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, 'x'.repeat(bytes))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** A request of which the body is sent by hand. */
class Sending {
  readonly #socket: Socket
  answer = ''
  closed = false

  constructor(port: number, head: string) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('error', () => {})
    this.#socket.setEncoding('utf8').on('data', (text) => {
      this.answer += text
    })
    this.#socket.once('close', () => {
      this.closed = true
    })
    this.#socket.write(`${head}\r\nHost: localhost\r\n`)
  }

  body(length: number): this {
    this.#socket.write(`Content-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`)
    return this
  }

  write(piece: Uint8Array): void {
    this.#socket.write(piece)
  }

  end(): void {
    this.#socket.destroy()
  }
}

test('G8: large bodies that come slowly are not in memory meanwhile, are counted while they are dealt with, and become edits once they are whole', async (context) => {
  const { api, server, port } = await start(context, { memoryBytesMax: 64 * MiB })
  const received = (): Promise<number> => readMetric(server.url, 'memory_received_bytes')
  const update = updateOf(8 * MiB)
  const half = update.length / 2
  const sent = Array.from({ length: 12 }, (_, index) =>
    new Sending(port, `PUT /api/v1/documents/large-${index} HTTP/1.1`).body(update.length),
  )
  context.after(() => {
    for (const one of sent) one.end()
  })
  // All together are more than the server has memory for.
  for (const one of sent) one.write(update.subarray(0, half))
  const small = new Sending(port, 'PUT /api/v1/documents/small HTTP/1.1').body(100_000)
  context.after(() => small.end())
  small.write(updateOf(90_000).subarray(0, 50_000))
  const onlyTheSmallOne = async (): Promise<boolean> => {
    const bytes = await received()
    return bytes >= 50_000 && bytes < 200_000
  }
  await until(onlyTheSmallOne, 'what came of the small one is counted, and nothing of the large ones is in memory')
  for (const [index, one] of sent.slice(0, 3).entries()) {
    one.write(update.subarray(half))
    await until(() => /^HTTP\/1\.1 201/.test(one.answer), `number ${index} is there`)
    assert.equal((await api.expect('GET', `${documentPath(`large-${index}`)}/content?format=text`)).length, 8 * MiB)
  }
  for (const one of [...sent, small]) one.end()
  await until(async () => (await received()) === 0, 'nothing is held')
})

test('G8, G5: a body for which there is no memory is refused in words, and what is small still goes through', async (context) => {
  const { api, server } = await start(context, { memoryBytesMax: 4 * MiB })
  for (const method of ['PUT', 'POST']) {
    const path = method === 'PUT' ? documentPath('a') : `${documentPath('a')}/updates`
    const answer = await api.ask(method, path, updateOf(6 * MiB))
    assert.deepEqual([answer.status, answer.body.code], [503, 'overloaded'])
    assert.match(answer.body.detail, /no memory left for the body/)
  }
  await api.expect('PUT', documentPath('a'), updateOf(10_000))
  assert.equal(await readMetric(server.url, 'memory_received_bytes'), 0)
})

test('G1, G9: answerMsMax: a body that does not move is given up, one that comes piece by piece is not, and neither is work that takes longer', async (context) => {
  const slowly = { beforeEdit: () => new Promise<void>((resolve) => setTimeout(resolve, 2_500)) }
  const { port, api } = await start(context, { answerMsMax: 1_000 }, { hooks: slowly })
  const stuck = new Sending(port, 'PUT /api/v1/documents/stuck HTTP/1.1').body(1 * MiB)
  stuck.write(new Uint8Array(1_000))
  const update = updateOf(3 * MiB)
  const moving = new Sending(port, 'PUT /api/v1/documents/moving HTTP/1.1').body(update.length)
  const begun = performance.now()
  for (let at = 0; at < update.length; at += 512 * 1024) {
    moving.write(update.subarray(at, at + 512 * 1024))
    await new Promise((resolve) => setTimeout(resolve, 600))
  }
  assert.ok(performance.now() - begun > 2_000, 'it took longer than an answer may')
  await until(() => /^HTTP\/1\.1 201/.test(moving.answer), 'it is there')
  moving.end()
  assert.ok(stuck.closed && stuck.answer === '', 'the one that did not move is gone')
  assert.equal(await api.refusal('GET', documentPath('stuck')), '404 no-such-document')
})
