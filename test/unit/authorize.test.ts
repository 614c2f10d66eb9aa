// Who may come in: what becomes of a hook that throws, answers nonsense or never answers, and of tokens that are presented while others are looked at (G5, G6).
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Authorization, AuthorizeRequest } from '../../server/access/authorize.js'
import { gatewayBench } from '../helpers/gateway-bench.js'

const readWrite: Authorization = { user: 'ada', permission: 'read-write' }
const readOnly: Authorization = { user: 'bob', permission: 'read-only' }

function updateWith(key: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('notes').set(key, true)
  return Y.encodeStateAsUpdate(doc)
}

function collectingLogger(): { readonly logger: Logger; readonly errors: { fields: Record<string, unknown>; message: string }[] } {
  const errors: { fields: Record<string, unknown>; message: string }[] = []
  const ignore = (): void => {}
  const logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields: object, message: string) => void errors.push({ fields: { ...fields }, message }),
  }
  return { logger, errors }
}

/** A hook whose answers the test gives, to each question by the token in it. */
class Desk {
  readonly asked: string[] = []
  readonly #open = new Map<string, { resolve(authorization: Authorization): void; reject(error: unknown): void }>()

  readonly authorize = ({ token }: AuthorizeRequest): Promise<Authorization> => {
    this.asked.push(token)
    return new Promise((resolve, reject) => void this.#open.set(token, { resolve, reject }))
  }

  grant(token: string, authorization: Authorization): void {
    this.#open.get(token)?.resolve(authorization)
  }

  refuse(token: string, error: unknown): void {
    this.#open.get(token)?.reject(error)
  }
}

describe('a hook that is at fault', () => {
  const cases: readonly { title: string; authorize: (request: AuthorizeRequest) => unknown; logged: RegExp }[] = [
    {
      title: 'rejects with a plain Error',
      authorize: () => Promise.reject(new Error('no such row: token abc')),
      logged: /authorize failed/,
    },
    {
      title: 'throws before it returns a promise',
      authorize: () => {
        throw new TypeError('user is undefined')
      },
      logged: /authorize failed/,
    },
    { title: 'rejects with nothing', authorize: () => Promise.reject(undefined), logged: /authorize failed/ },
    { title: 'answers nothing', authorize: () => Promise.resolve(undefined), logged: /something else/ },
    { title: 'answers true', authorize: () => true, logged: /something else/ },
    {
      title: 'answers an unknown permission',
      authorize: () => Promise.resolve({ user: 'a', permission: 'admin' }),
      logged: /something else/,
    },
    {
      title: 'answers a user that is no text',
      authorize: () => Promise.resolve({ user: { id: 1 }, permission: 'read-only' }),
      logged: /something else/,
    },
    {
      title: 'answers a user of more than 256 bytes',
      authorize: () => Promise.resolve({ user: 'é'.repeat(129), permission: 'read-only' }),
      logged: /1 to 256 bytes/,
    },
    { title: 'answers an empty user', authorize: () => ({ user: '', permission: 'read-only' }), logged: /1 to 256 bytes/ },
  ]
  for (const { title, authorize, logged } of cases) {
    test(`G5: a hook that ${title} refuses with 4403 and neutral words, in both dialects; the log says why`, async () => {
      const { logger, errors } = collectingLogger()
      const { clock, connect, connectWeft, stop } = await gatewayBench({ logger, authorize: authorize as never })
      const stock = connect({ target: '/notes?token=abc' })
      const weft = connectWeft()
      weft.open(1, 'notes', 'abc')
      await clock.settle()
      assert.deepEqual(stock.closing, { code: 4403, reason: 'You may not open this document.' })
      const [closed] = weft.weftOf('closed')
      assert.deepEqual([closed?.closeCode, closed?.code, closed?.retryable], [4403, 'forbidden', false])
      assert.equal(closed?.reason, 'You may not open this document.')
      assert.equal(errors.length, 2)
      for (const { message } of errors) assert.match(message, logged)
      await stop()
      assert.equal(clock.timerCount, 0)
    })
  }

  test('G5: what a WeftError says is what the client reads, also one of another copy of the module', async () => {
    const foreign = Object.assign(new Error('Your trial is over.'), { name: 'WeftError', code: 'unauthenticated' })
    const { clock, connect, stop } = await gatewayBench({
      authorize: ({ documentId }) => Promise.reject(documentId === 'own' ? new WeftError('no-such-document', 'It was deleted.') : foreign),
    })
    const own = connect({ target: '/own' })
    const other = connect({ target: '/other' })
    await clock.settle()
    assert.deepEqual(own.closing, { code: 4404, reason: 'It was deleted.' })
    assert.deepEqual(other.closing, { code: 4401, reason: 'Your trial is over.' })
    await stop()
  })

  test('G1, G3: authorizeMsMax: a hook that never answers is a refusal that may be tried again, and the client is read from afterwards', async () => {
    const { logger, errors } = collectingLogger()
    const limits = { authorizeMsMax: 3_000, attachingBytesMax: 100 }
    const { clock, budget, connect, connectWeft, stop } = await gatewayBench({ logger, limits, authorize: () => new Promise(() => {}) })
    const stock = connect()
    const weft = connectWeft()
    weft.open(1, 'notes')
    await clock.settle()
    weft.sendWeft({ type: 'submit', channel: 1, submission: 1, update: updateWith('a') })
    assert.equal(weft.isRead, false, 'it has sent more than waits')
    assert.ok(budget.account('received').bytes > 100)
    await clock.advanceAsync(2_999)
    assert.deepEqual([stock.closing, weft.weftOf('closed')], [null, []])
    await clock.advanceAsync(1)
    assert.equal(stock.closing?.code, 4503)
    assert.match(stock.closing?.reason ?? '', /in time/)
    const [closed] = weft.weftOf('closed')
    assert.deepEqual([closed?.code, closed?.retryable], ['overloaded', true])
    assert.equal(weft.isRead, true)
    assert.equal(budget.account('received').bytes, 0)
    assert.match(errors[0]?.message ?? '', /did not answer in time/)
    const pings = weft.pings
    await clock.advanceAsync(60_000)
    assert.ok(weft.pings > pings, 'the heartbeat goes on')
    assert.equal(weft.closing, null)
    await stop()
    assert.equal(clock.timerCount, 0)
  })
})

describe('tokens', () => {
  /** A weft client with a document that is being authorized under the token `first`. */
  async function asking() {
    const desk = new Desk()
    const bench = await gatewayBench({ authorize: desk.authorize })
    const client = bench.connectWeft()
    client.open(1, 'notes', 'first')
    await bench.clock.settle()
    const present = (token: string): void => client.sendWeft({ type: 'token', channel: 1, token })
    return { ...bench, desk, client, present }
  }

  test('G6: a token that is presented while the first one is looked at counts, and not the first, whatever that is good for', async () => {
    for (const first of ['granted', 'refused'] as const) {
      const { clock, desk, client, present, stop, awareness } = await asking()
      present('second')
      if (first === 'granted') desk.grant('first', readWrite)
      else desk.refuse('first', new WeftError('unauthenticated', 'It has expired.'))
      await clock.settle()
      assert.deepEqual([client.weftOf('opened'), client.weftOf('closed')], [[], []], 'nothing is decided yet')
      desk.grant('second', readOnly)
      await clock.settle()
      assert.deepEqual(
        client.weftOf('opened').map(({ permission }) => permission),
        ['read-only'],
      )
      assert.deepEqual([...(awareness.documents().get('notes')?.users() ?? [])], ['bob'])
      client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: updateWith('a') })
      await clock.settle()
      assert.equal(client.weftOf('refused')[0]?.code, 'forbidden')
      await stop()
    }
  })

  test('G6: of many tokens the last one counts, and they cost one question at a time', async () => {
    const { clock, desk, client, present, stop, awareness } = await asking()
    desk.grant('first', readOnly)
    await clock.settle()
    for (const token of ['2', '3', '4', '5']) present(token)
    await clock.settle()
    assert.deepEqual(desk.asked, ['first', '2'])
    desk.grant('2', readWrite)
    await clock.settle()
    assert.deepEqual(desk.asked, ['first', '2', '5'])
    assert.deepEqual(client.weftOf('permission'), [], 'the answer to a token that was replaced is nothing')
    present('6')
    desk.refuse('5', new WeftError('forbidden', 'Not with this one.'))
    await clock.settle()
    desk.grant('6', { user: 'cleo', permission: 'read-write' })
    await clock.settle()
    assert.deepEqual(
      client.weftOf('permission').map(({ permission }) => permission),
      ['read-write'],
    )
    assert.deepEqual(client.weftOf('closed'), [])
    assert.deepEqual([...(awareness.documents().get('notes')?.users() ?? [])], ['cleo'], 'presence names the user of the last token')
    await stop()
  })

  test('G6: a token that was refused ends the session with its reason', async () => {
    const { clock, desk, client, present, stop } = await asking()
    desk.grant('first', readWrite)
    await clock.settle()
    present('second')
    await clock.settle()
    desk.refuse('second', new WeftError('unauthenticated', 'It was revoked.'))
    await clock.settle()
    const [closed] = client.weftOf('closed')
    assert.deepEqual([closed?.closeCode, closed?.reason], [4401, 'It was revoked.'])
    await stop()
  })

  test('G6: an answer that comes after the session has ended changes nothing', async () => {
    const { clock, desk, client, stop, directory } = await asking()
    client.sendWeft({ type: 'close', channel: 1 })
    desk.grant('first', readWrite)
    await clock.settle()
    assert.deepEqual([client.weftOf('opened'), client.weftOf('closed')], [[], []])
    assert.equal(directory.openDocuments, 0)
    await stop()
    assert.equal(clock.timerCount, 0)
  })
})
