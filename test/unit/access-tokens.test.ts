// Tokens that are good, and those that are not: JSON Web Tokens, API keys, tickets, the admin key.
import { strict as assert } from 'node:assert'
import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, test } from 'node:test'
import { exportJWK, type JWTPayload, SignJWT } from 'jose'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import type { JsonWebTokenOptions, TokenKey } from '../../server/access/json-web-tokens.js'
import { KeySet } from '../../server/access/key-set.js'
import { type TestAccess, testAccess, visitWith } from '../helpers/access-control.js'
import { ManualClock } from '../helpers/manual-clock.js'

const secret = 'a secret of more than thirty-two characters'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const edwards = generateKeyPairSync('ed25519')

function jwtOptions(key: TokenKey, more: Partial<JsonWebTokenOptions> = {}): Omit<JsonWebTokenOptions, 'clock'> {
  return { key, issuer: null, audience: [], clockToleranceMs: 5_000, ...more }
}

const bySecret = (more: Partial<JsonWebTokenOptions> = {}) => ({ jsonWebTokens: jwtOptions({ kind: 'secret', secret }, more) })
const byPublicKey = (key: KeyObject) => ({
  jsonWebTokens: jwtOptions({ kind: 'public-key', pem: key.export({ type: 'spki', format: 'pem' }).toString() }),
})

const granted: JWTPayload = { sub: 'ada', weft: { documents: { 'notes/**': 'write', notes: 'write' } } }

async function token(
  clock: ManualClock,
  claims: JWTPayload = granted,
  more: { key?: KeyObject | Uint8Array; alg?: string; kid?: string } = {},
): Promise<string> {
  const now = Math.floor(clock.now() / 1000)
  const { alg = 'HS256', kid, key = createSecretKey(Buffer.from(secret)) } = more
  return new SignJWT({ iat: now, exp: now + 3600, ...claims }).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(key)
}

async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked
  } catch (thrown) {
    assert.ok(thrown instanceof WeftError, String(thrown))
    return `${thrown.code}: ${thrown.message}`
  }
  return assert.fail('it was let in')
}

/** The time goes on, and what it sets off runs to its end. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await new Promise((resolve) => setImmediate(resolve))
}

function unsigned(header: object, claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(claims)}.`
}

describe('JSON Web Tokens', () => {
  test('X2: a good token says who it is and what it grants, and nothing else is granted', async () => {
    const { ask, clock } = await testAccess(bySecret())
    const good = await token(clock, { ...granted, name: 'Ada', jti: 't1' })
    const answer = await ask(good, 'notes/today')
    assert.deepEqual([answer.user, answer.name, answer.permission, answer.admin, answer.tokenId], ['ada', 'Ada', 'read-write', false, 't1'])
    assert.match(await refusal(ask(good, 'other')), /^forbidden: This document was not shared/)
    assert.match(await refusal(ask(await token(clock, { sub: 'ada' }))), /^forbidden: .*nothing is granted/)
    assert.match(await refusal(ask(await token(clock, { sub: 'ada', weft: { documents: {} } }))), /^forbidden/)
    assert.match(await refusal(ask(await token(clock, { sub: 'ada', weft: { documents: 'all' } }))), /^unauthenticated: The claim/)
    assert.match(await refusal(ask(await token(clock, { ...granted, sub: 'x'.repeat(300) }))), /^unauthenticated: .*256/)
    const reader = await ask(await token(clock, { sub: 'bob', weft: { documents: { '**': 'read' }, cursor: false } }))
    assert.deepEqual([reader.permission, reader.cursor], ['read-only', false])
  })

  test('X2: without a token, or with one of an unknown kind, nobody is let in', async () => {
    const { ask } = await testAccess(bySecret())
    assert.match(await refusal(ask('')), /^unauthenticated: Sign in first/)
    assert.match(await refusal(ask('hunter2')), /^unauthenticated: This server does not know tokens of this kind/)
  })

  test('X2: no right comes of a token that was not signed with the key, whatever its header says', async () => {
    const { ask, clock } = await testAccess(bySecret())
    const now = Math.floor(clock.now() / 1000)
    const claims = { ...granted, iat: now, exp: now + 60 }
    const good = await token(clock)
    const [head = '', body = '', signature = ''] = good.split('.')
    const forged = [
      await token(clock, granted, { key: createSecretKey(Buffer.from('another secret of more than 32 characters')) }),
      unsigned({ alg: 'none' }, claims),
      unsigned({ alg: 'None', typ: 'JWT' }, claims),
      `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'eve' })).toString('base64url')}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}.${signature.slice(0, -4)}AAAA`,
      await token(clock, granted, { key: rsa.privateKey, alg: 'RS256' }),
      unsigned({ alg: 'HS256', crit: ['x'], x: 1 }, claims),
    ]
    for (const one of forged) assert.match(await refusal(ask(one)), /^unauthenticated: /)
  })

  test('X2: a public key is no secret: a token signed with its text grants nothing', async () => {
    for (const { publicKey, privateKey, alg } of [
      { ...rsa, alg: 'RS256' },
      { ...ec, alg: 'ES256' },
      { ...edwards, alg: 'EdDSA' },
    ]) {
      const { ask, clock } = await testAccess(byPublicKey(publicKey))
      assert.equal((await ask(await token(clock, granted, { key: privateKey, alg }))).user, 'ada')
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      const swapped = await token(clock, granted, { key: createSecretKey(Buffer.from(pem)), alg: 'HS256' })
      assert.match(await refusal(ask(swapped)), /^unauthenticated: Your token is signed in a way/)
    }
    await assert.rejects(testAccess({ jsonWebTokens: jwtOptions({ kind: 'public-key', pem: 'no key' }) }), {
      code: 'invalid-configuration',
    })
  })

  test('X3: a token that has expired, or is not valid yet, is refused; within the tolerance of clocks it is not', async () => {
    const { ask, clock } = await testAccess(bySecret())
    const now = Math.floor(clock.now() / 1000)
    assert.match(await refusal(ask(await token(clock, { ...granted, exp: now - 6 }))), /^unauthenticated: Your token has expired/)
    assert.match(await refusal(ask(await token(clock, { ...granted, nbf: now + 6 }))), /^unauthenticated: Your token is not valid yet/)
    assert.equal((await ask(await token(clock, { ...granted, exp: now - 4, nbf: now + 4 }))).user, 'ada')
  })

  test('X2: a token for another audience or of another issuer grants nothing', async () => {
    const { ask, clock } = await testAccess(bySecret({ issuer: 'https://login', audience: ['weft', 'docs'] }))
    const iss = 'https://login'
    assert.match(
      await refusal(ask(await token(clock, { ...granted, iss }))),
      /^unauthenticated: Your token is for something else: its audience/,
    )
    assert.match(await refusal(ask(await token(clock, { ...granted, iss, aud: 'mail' }))), /audience/)
    assert.match(await refusal(ask(await token(clock, { ...granted, iss: 'https://evil', aud: 'docs' }))), /issuer/)
    assert.equal((await ask(await token(clock, { ...granted, iss, aud: ['mail', 'docs'] }))).user, 'ada')
  })

  test('the application may have claims of its own, and what it makes of them is a right like any', async () => {
    const identityOf = async (claims: JWTPayload) => ({
      user: `org/${claims.sub}`,
      documents: { [`${claims['team']}/**`]: 'admin' as const },
    })
    const { ask, clock } = await testAccess(bySecret({ identityOf }))
    const answer = await ask(await token(clock, { sub: 'ada', team: 'red' }), 'red/plan')
    assert.deepEqual([answer.user, answer.admin], ['org/ada', true])
    assert.match(await refusal(ask(await token(clock, { sub: 'ada', team: 'red' }), 'blue/plan')), /^forbidden/)
  })
})

describe('a key set', () => {
  async function setOf(...kids: string[]): Promise<{ keys: object[] }> {
    return {
      keys: await Promise.all(
        kids.map(async (kid) => ({
          ...(await exportJWK(kid === 'rsa' ? rsa.publicKey : ec.publicKey)),
          kid,
          alg: kid === 'rsa' ? 'RS256' : 'ES256',
        })),
      ),
    }
  }

  async function fetching(answers: (() => Promise<object>)[]): Promise<TestAccess & { readonly fetches: () => number }> {
    const clock = new ManualClock()
    let fetches = 0
    const get = (async () => {
      const answer = answers[Math.min(fetches, answers.length - 1)]
      fetches += 1
      return Response.json(await answer?.())
    }) as typeof fetch
    const { find } = new KeySet({ url: 'https://login/jwks.json', clock, logger: silentLogger, fetch: get })
    const made = await testAccess({ clock, jsonWebTokens: jwtOptions({ kind: 'key-set', keys: find }) })
    return { ...made, clock, fetches: () => fetches }
  }
  const failing = (): Promise<object> => Promise.reject(new Error('no route to host'))
  const byRsa = { key: rsa.privateKey, alg: 'RS256', kid: 'rsa' }
  const byEc = { key: ec.privateKey, alg: 'ES256', kid: 'ec' }

  test('keys are fetched once, and again when a token names one that was added', async () => {
    const { ask, clock, fetches } = await fetching([() => setOf('rsa'), () => setOf('rsa', 'ec')])
    assert.equal((await ask(await token(clock, granted, byRsa))).user, 'ada')
    await ask(await token(clock, granted, byRsa))
    assert.equal(fetches(), 1)
    clock.advance(31_000)
    assert.equal((await ask(await token(clock, granted, byEc))).user, 'ada')
    assert.equal(fetches(), 2)
  })

  test('tokens with made-up key names do not make the server fetch and fetch', async () => {
    const { ask, clock, fetches } = await fetching([() => setOf('rsa')])
    await ask(await token(clock, granted, byRsa))
    for (let number = 0; number < 50; number++)
      assert.match(
        await refusal(ask(await token(clock, granted, { ...byEc, kid: `made-up-${number}` }))),
        /^unauthenticated: .*does not know/,
      )
    assert.equal(fetches(), 1)
  })

  test('an outage of whoever has the keys: those that were there go on counting, and without any the client may try again', async () => {
    const { ask, clock, fetches } = await fetching([failing, () => setOf('rsa'), failing])
    assert.match(await refusal(ask(await token(clock, granted, byRsa))), /^overloaded: .*try again/)
    assert.equal((await ask(await token(clock, granted, byRsa))).user, 'ada')
    for (let hour = 0; hour < 24; hour++) {
      clock.advance(3_600_000)
      assert.equal((await ask(await token(clock, granted, byRsa))).user, 'ada')
    }
    assert.ok(fetches() > 20, `${fetches()} fetches`)
  })
})

describe('API keys', () => {
  const everything = { '**': 'admin' } as const
  const key = (name: string) => ({ name, user: `key:${name}`, documents: everything, lifetimeMs: null })

  test('X2: a key may do what it was made for, and from the first one on nothing is allowed without', async () => {
    const { access, ask } = await testAccess()
    assert.equal(access.isConfigured, false)
    assert.equal((await ask('')).permission, 'read-write')
    const { secret: shown } = await access.keys.create({ ...key('export'), documents: { 'notes/*': 'read' } })
    assert.equal(access.isConfigured, true)
    assert.match(await refusal(ask('')), /^unauthenticated/)
    assert.deepEqual([(await ask(shown, 'notes/a')).permission, (await ask(shown, 'notes/a')).user], ['read-only', 'key:export'])
    assert.match(await refusal(ask(shown, 'other')), /^forbidden/)
    await assert.rejects(access.keys.create({ ...key('bad'), documents: { a: 'owner' as 'read' } }), { code: 'malformed' })
  })

  test('X5: what is stored of a key does not tell its secret, and no list does', async () => {
    const { access, records } = await testAccess()
    const { secret: shown } = await access.keys.create(key('a'))
    const stored = JSON.stringify([await records.list('key'), access.keys.list()])
    assert.ok(!stored.includes(shown.slice('wk_0123456789abcdef_'.length)), stored)
  })

  test('X3: a key that was removed or has expired lets nobody in, on another node within its next look', async () => {
    const { access, ask, records, clock } = await testAccess()
    const other = await testAccess({}, { clock, records })
    const { key: made, secret: shown } = await access.keys.create(key('a'))
    const short = await access.keys.create({ ...key('b'), lifetimeMs: 60_000 })
    await pass(clock, 2_000)
    assert.equal((await other.ask(shown)).admin, true)
    // Over one connection, too, that has shown it before.
    const visit = visitWith(shown)
    const again = () => access.authorize({ ...visit, documentId: 'notes', scope: 'document', token: '' })
    assert.equal((await again()).admin, true)
    await access.keys.remove(made.id)
    assert.match(await refusal(again()), /^unauthenticated/)
    assert.match(await refusal(ask(shown)), /^unauthenticated: There is no such API key/)
    await pass(clock, 2_000)
    assert.match(await refusal(other.ask(shown)), /^unauthenticated/)
    assert.equal((await other.ask(short.secret)).admin, true)
    await pass(clock, 60_000)
    assert.match(await refusal(other.ask(short.secret)), /^unauthenticated/)
    other.access.stop()
  })

  test('X2: a wrong secret, an unknown id or half a key grants nothing', async () => {
    const { access, ask } = await testAccess()
    const { secret: shown } = await access.keys.create(key('a'))
    for (const wrong of [
      `${shown.slice(0, -1)}${shown.endsWith('A') ? 'B' : 'A'}`,
      shown.slice(0, -1),
      `${shown}A`,
      shown.replace(/_[0-9a-f]{16}_/, '_0000000000000000_'),
      'wk_',
      'wk__',
    ])
      assert.match(await refusal(ask(wrong)), /^unauthenticated: There is no such API key/)
  })
})

describe('tickets', () => {
  const wanted = {
    user: 'ada',
    name: 'Ada',
    documents: { notes: 'write' as const, 'wiki/**': 'read' as const },
    cursor: true,
    lifetimeMs: 30_000,
    sessionMs: null,
  }
  const configured = { adminKey: 'the key of the operator' }

  test('X4: a ticket is good once, on one node of all, whoever comes first', async () => {
    const { access, ask, records, clock } = await testAccess(configured)
    const other = await testAccess(configured, { clock, records })
    const { ticket } = access.tickets.issue(wanted)
    const answers = await Promise.allSettled([ask(ticket), other.ask(ticket), ask(ticket), other.ask(ticket)])
    assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.match(await refusal(ask(ticket)), /^unauthenticated: This ticket was used before/)
    other.access.stop()
  })

  test('X4: over the connection that showed it, a ticket is good for all documents that it names, and for no others', async () => {
    const { access } = await testAccess(configured)
    const visit = visitWith(access.tickets.issue(wanted).ticket)
    const open = (documentId: string) => access.authorize({ ...visit, documentId, scope: 'document', token: '' })
    assert.equal((await open('notes')).permission, 'read-write')
    assert.equal((await open('wiki/a')).permission, 'read-only')
    assert.match(await refusal(open('other')), /^forbidden/)
  })

  test('X4: a ticket that is late, forged or of another deployment is none', async () => {
    const { access, ask, clock } = await testAccess(configured)
    const stranger = await testAccess({ ...configured, ticketKey: new TextEncoder().encode('another key') })
    const late = access.tickets.issue(wanted).ticket
    const [content = '', mac = ''] = access.tickets.issue(wanted).ticket.slice(3).split('.')
    const changed = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(content, 'base64url').toString()), user: 'eve' })).toString(
      'base64url',
    )
    for (const forged of [`wt_${changed}.${mac}`, `wt_${content}`, 'wt_', 'wt_.', stranger.access.tickets.issue(wanted).ticket])
      assert.match(await refusal(ask(forged)), /^unauthenticated: This ticket is none/)
    clock.advance(36_000)
    assert.match(await refusal(ask(late)), /^unauthenticated: This ticket has expired/)
  })

  test('X3: what a ticket opened for a time expires then', async () => {
    const { access, ask, clock } = await testAccess(configured)
    const answer = await ask(access.tickets.issue({ ...wanted, sessionMs: 60_000 }).ticket)
    assert.equal(answer.expiresAt, clock.now() + 60_000)
  })
})

describe('where a token may stand', () => {
  const adminKey = 'the key of the operator'

  test('in the URL, a subprotocol, the Authorization header or the cookie that was named, in this order', async () => {
    const { ask } = await testAccess({ adminKey, tokenCookie: 'session' })
    const none = { parameters: new URLSearchParams() }
    for (const more of [
      { parameters: new URLSearchParams({ token: adminKey }) },
      { ...none, protocols: ['weft.1', `weft-token.${adminKey}`] },
      { ...none, headers: { authorization: 'Bearer the-key-of-the-operator' } },
      { ...none, headers: { cookie: `a=b; session=${encodeURIComponent(adminKey)}; session=other` } },
    ])
      if ('headers' in more && more.headers?.authorization !== undefined)
        assert.match(await refusal(ask('', 'notes', more)), /^unauthenticated: This server/)
      else assert.equal((await ask('', 'notes', more)).admin, true)
    assert.match(await refusal(ask('', 'notes', { ...none, headers: { cookie: 'other=x' } })), /no token was shown/)
  })

  test("X6: a cookie counts for pages of this host and of origins that were allowed, and not for anybody else's page", async () => {
    const { access, ask } = await testAccess({
      adminKey,
      tokenCookie: 'session',
      allowedOrigin: (origin) => origin === 'https://app.example.com',
    })
    const asked = (origin: string | null, site?: string) =>
      ask('', 'notes', {
        parameters: new URLSearchParams(),
        origin,
        headers: {
          host: 'docs.example.com',
          cookie: `session=${encodeURIComponent(adminKey)}`,
          ...(site === undefined ? {} : { 'sec-fetch-site': site }),
        },
      })
    for (const origin of ['https://docs.example.com', 'https://app.example.com', null]) assert.equal((await asked(origin)).admin, true)
    for (const origin of ['https://evil.example', 'null', 'https://docs.example.com.evil.example', 'https://app.example.com:444'])
      assert.match(await refusal(asked(origin)), /no token was shown/)
    assert.match(await refusal(asked(null, 'cross-site')), /no token was shown/)
    // Such a page is not even asked what it shows.
    const visit = (origin: string) => visitWith(adminKey, { origin, headers: { host: 'docs.example.com' } })
    assert.match(access.refusalOf(visit('https://evil.example'), undefined)?.message ?? '', /evil\.example may not connect/)
    assert.equal(access.refusalOf(visit('https://app.example.com'), undefined), null)
    assert.equal(access.refusalOf(visit('https://docs.example.com'), undefined), null)
  })
})

describe('revocations', () => {
  test('X3: what was issued to a user before the revocation counts no more, what is issued after it does', async () => {
    const { access, ask, clock } = await testAccess(bySecret())
    const before = await token(clock)
    const withoutTime = await token(clock, { ...granted, iat: undefined as unknown as number })
    clock.advance(1_500)
    await access.revocations.revoke('user', 'ada', null)
    assert.match(await refusal(ask(before)), /^unauthenticated: Your access was revoked/)
    // It does not say when it was issued.
    assert.match(await refusal(ask(withoutTime)), /^unauthenticated: Your access was revoked/)
    assert.equal((await ask(await token(clock, { ...granted, sub: 'bob' }))).user, 'bob')
    clock.advance(1_500)
    assert.equal((await ask(await token(clock))).user, 'ada')
    await access.revocations.lift('user', 'ada')
    assert.equal((await ask(before)).user, 'ada')
  })

  test('X3: a token that was revoked by its id stays so, on other nodes from their next look on', async () => {
    const { access, ask, clock, records } = await testAccess(bySecret())
    const other = await testAccess(bySecret(), { clock, records })
    const shown = await token(clock, { ...granted, jti: 't7' })
    assert.equal((await other.ask(shown)).user, 'ada')
    await access.revocations.revoke('token', 't7', null)
    assert.match(await refusal(ask(shown)), /revoked/)
    await pass(clock, 2_000)
    assert.match(await refusal(other.ask(shown)), /revoked/)
    other.access.stop()
  })

  test('X3: a session that the hook let in is ended by a revocation, and the hook decides anew', async () => {
    const { access, ask } = await testAccess({ authorize: () => ({ user: 'ada', permission: 'read-write' }) })
    const ended: string[] = []
    const { user } = await ask('')
    const session = {
      sessionId: 's1',
      documentId: 'notes',
      user,
      name: null,
      permission: 'read-write',
      address: null,
      since: 0,
      tokenId: null,
      issuedAt: null,
      askedAt: 0,
      admin: false,
      expiresAt: null,
      lag: () => ({ state: 'live' as const, edits: 0, waitingBytes: 0 }),
    } as const
    access.sessions.set({ ...session, connectionId: 1, tell: () => false, end: (error) => void ended.push(error.code) })
    await access.revocations.revoke('user', 'ada', null)
    assert.deepEqual(ended, ['unauthenticated'])
    access.sessions.delete('s1')
  })
})
