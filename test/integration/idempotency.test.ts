// Requests that are sent again under an Idempotency-Key: carried out once, answered alike, also over a kill of the server in the middle.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { MemoryStore } from '../../persistence/memory/memory-store.js'
import { createServer, type ServerOptions } from '../../server/index.js'
import { type ApiAnswer, ApiClient, documentPath } from '../helpers/api-client.js'
import { ServerProcess } from '../helpers/server-process.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const PATH = documentPath('notes')

async function start(context: TestContext, options: ServerOptions = {}): Promise<ApiClient> {
  const server = await createServer({ dataDir: temporaryFolder(context), demo: false, logger: silentLogger, ...options })
  context.after(() => server.close())
  await server.listen(0)
  return new ApiClient(server.url)
}

const insertion = (insert: string) => ({ text: [{ root: 'body', at: 0, insert }] })
const under = (key: string) => ({ 'idempotency-key': key })
const textOf = (api: ApiClient): Promise<string> => api.expect('GET', `${PATH}/content?format=text`)
const ended = ({ status, body }: ApiAnswer) => [status, body?.code ?? body]

test('A request that is sent again under its key is done once and answered alike; another one under it is refused', async (context) => {
  const api = await start(context)
  const first = await api.ask('POST', `${PATH}/updates`, insertion('a'), under('one'))
  const again = await api.ask('POST', `${PATH}/updates`, insertion('a'), under('one'))
  assert.deepEqual([again.status, again.text, again.headers.get('idempotent-replayed')], [200, first.text, 'true'])
  assert.equal(first.headers.get('idempotent-replayed'), null)
  assert.equal(await textOf(api), 'a')
  assert.equal(await api.refusal('POST', `${PATH}/updates`, insertion('b'), under('one')), '422 key-reused')
  // Another token in the address is the same request.
  assert.equal((await api.ask('POST', `${PATH}/updates?token=renewed`, insertion('a'), under('one'))).text, first.text)
  // Of another document, or by another method, it is another request.
  await api.ask('POST', `${documentPath('other')}/updates`, insertion('b'), under('one'))
  assert.equal(await api.expect('GET', `${documentPath('other')}/content?format=text`), 'b')
  for (const key of ['two', 'three']) await api.ask('POST', `${PATH}/updates`, insertion('b'), under(key))
  assert.equal(await textOf(api), 'bba')
  assert.equal(await api.refusal('POST', `${PATH}/updates`, insertion('b'), under('x'.repeat(256))), '400 malformed')
})

test('Every kind of change is answered alike when it is sent again', async (context) => {
  const api = await start(context)
  await api.expect('POST', `${PATH}/updates`, insertion('one'))
  const archive = new Uint8Array(await (await fetch(`${api.url}/api/v1${PATH}/archive`)).arrayBuffer())
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['PUT', `${documentPath('imported')}/archive`, archive],
    ['POST', `${PATH}/versions`, { name: 'kept' }],
    ['PATCH', `${PATH}/versions/1`, { name: 'renamed' }],
    ['POST', `${PATH}/fork`, { into: 'copy' }],
    ['POST', `${PATH}/restore`, { at: 'v1' }],
    ['DELETE', `${PATH}/versions/1`, undefined],
    ['DELETE', PATH, undefined],
  ]
  for (const [method, path, body] of cases) {
    const first = await api.ask(method, path, body, under('key'))
    assert.ok(first.status < 300, `${method} ${path}: ${first.text}`)
    const again = await api.ask(method, path, body, under('key'))
    assert.deepEqual([again.status, again.text], [first.status, first.text], `${method} ${path}`)
  }
  // Under another key they are what they are.
  assert.equal(await api.refusal('DELETE', PATH, undefined, under('another')), '404 no-such-document')
})

test('Of many that come at the same time one is done, and the others hear its answer or that it runs', async (context) => {
  const api = await start(context)
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.ask('POST', `${PATH}/updates`, insertion('a'), under('one'))))
  assert.equal(await textOf(api), 'a')
  const kinds = new Set(answers.map((answer) => JSON.stringify(ended(answer))))
  assert.ok(kinds.has('[200,{"seq":1}]'))
  for (const kind of kinds) assert.match(kind, /^\[200,\{"seq":1\}\]$|^\[409,"request-running"\]$/)
})

test('What was refused was not done, and may be asked for anew under its key', async (context) => {
  const api = await start(context)
  const request = (): Promise<ApiAnswer> =>
    api.ask('POST', `${PATH}/updates`, { patch: [{ op: 'replace', path: '/map/a', value: 2 }] }, under('one'))
  assert.deepEqual(ended(await request()), [409, 'edit-mismatch'])
  await api.expect('POST', `${PATH}/updates`, { patch: [{ op: 'add', path: '/map/a', value: 1 }] })
  assert.deepEqual(ended(await request()), [200, { seq: 2 }])
})

test('What an outage of the store ended is done as it was meant at first', async (context) => {
  const store = new MemoryStore({ clock: systemClock })
  const keep = store.keepVersion.bind(store)
  let failures = 1
  store.keepVersion = async (...args) => {
    if (failures-- > 0) throw new WeftError('store-unavailable', 'Failed on demand.')
    return keep(...args)
  }
  const api = await start(context, { store })
  await api.expect('POST', `${PATH}/updates`, insertion('one '))
  const request = (): Promise<ApiAnswer> => api.ask('POST', `${PATH}/versions`, { name: 'kept' }, under('one'))
  assert.deepEqual(ended(await request()), [503, 'store-unavailable'])
  // Somebody goes on writing: what was meant is the document before.
  await api.expect('POST', `${PATH}/updates`, insertion('two '))
  assert.deepEqual((await request()).body.seq, 1)
})

test('An edit whose answer could not be kept is not made twice', async (context) => {
  const store = new MemoryStore({ clock: systemClock })
  const put = store.keyedRecords.put.bind(store.keyedRecords)
  let failures = 1
  store.keyedRecords.put = async (write) => {
    if (write.kind === 'request' && 'answer' in JSON.parse(write.value) && failures-- > 0)
      throw new WeftError('store-unavailable', 'Failed on demand.')
    return put(write)
  }
  const api = await start(context, { store })
  const request = (): Promise<ApiAnswer> => api.ask('POST', `${PATH}/updates`, insertion('one '), under('one'))
  assert.deepEqual(ended(await request()), [503, 'store-unavailable'])
  assert.deepEqual(ended(await request()), [200, { seq: 1 }])
  assert.equal(await textOf(api), 'one ')
})

test('Edits by position are there once each, however often the server is killed while they are asked for', async (context) => {
  const server = await ServerProcess.start()
  context.after(() => server.dispose())
  const random = seededRandom(4)
  let done = 0
  const writing = (async () => {
    for (; done < 30; done++)
      for (;;) {
        const api = new ApiClient(server.url)
        const answer = await api.ask('POST', `${PATH}/updates`, insertion(`<${done}>`), under(`edit ${done}`)).catch(() => null)
        if (answer !== null && answer.status === 200) break
        if (answer !== null) assert.ok([409, 503].includes(answer.status), answer.text)
      }
  })()
  for (let kills = 0; kills < 4; kills++) {
    const goal = done + 1 + random.below(6)
    while (done < goal && done < 30) await new Promise((resolve) => setTimeout(resolve, random.below(4)))
    // Anywhere within the next request.
    const steps = random.below(40)
    for (let step = 0; step < steps; step++) await new Promise((resolve) => setTimeout(resolve, 0))
    await server.kill()
    await server.restart()
  }
  await writing
  const text = await textOf(new ApiClient(server.url))
  const found = text.match(/\d+/g)?.map(Number) ?? []
  assert.deepEqual([...found].reverse(), [...found.keys()])
  assert.equal(found.length, 30)
})
