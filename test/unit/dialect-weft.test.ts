// The weft dialect: round trips, the examples of docs/protocol.md, and what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WeftError } from '../../core/errors.js'
import { sharedPartBytesMin } from '../../protocol/bytes.js'
import {
  agentBytesMax,
  channelOf,
  channelWrittenOn,
  decodeWeftClient,
  decodeWeftServer,
  encodeWeftClient,
  encodeWeftServer,
  type KnownOnWire,
  tokenBytesMax,
  type WeftClientMessage,
  type WeftServerMessage,
} from '../../protocol/dialects/weft.js'
import { concatenated, documentedExamples, plainBytes } from '../helpers/protocol-examples.js'

const malformed = (problem: RegExp) => (error: unknown) =>
  error instanceof WeftError && error.code === 'malformed' && problem.test(error.message)

const bytes = fc.uint8Array({ maxLength: 200 })
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.toWellFormed())
const channel = fc.maxSafeNat()
const number = fc.maxSafeNat()
const submission = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const permission = fc.constantFrom('read-write' as const, 'read-only' as const)
const refusal = { closeCode: number, code: text, reason: text, retryable: fc.boolean() }
const known: fc.Arbitrary<KnownOnWire> = fc.oneof(
  fc.constant({ kind: 'nothing' as const }),
  fc.record({ kind: fc.constant('state-vector' as const), stateVector: bytes }),
  fc.record({ kind: fc.constant('seq' as const), incarnation: text, seq: number, stateVector: bytes }),
)

const to = fc.oneof(
  fc.constant({ kind: 'document' as const }),
  fc.record({ kind: fc.constantFrom('user' as const, 'session' as const), id: text }),
)

const clientMessage: fc.Arbitrary<WeftClientMessage> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), agent: text, token: text }),
  fc.record({ type: fc.constant('open' as const), channel, documentId: text, token: text, known }),
  fc.record({ type: fc.constant('sync' as const), channel, known }),
  fc.record({ type: fc.constant('submit' as const), channel, submission, update: bytes }),
  fc.record({ type: fc.constant('part' as const), channel, bytes }),
  fc.record({ type: fc.constant('author' as const), channel, user: text }),
  fc.record({ type: fc.constant('trace' as const), channel, context: text }),
  fc.record({ type: fc.constant('awareness' as const), channel, update: bytes }),
  fc.record({ type: fc.constant('message' as const), channel, to, payload: text }),
  fc.record({ type: fc.constant('token' as const), channel, token: text }),
  fc.record({ type: fc.constant('close' as const), channel }),
  fc.constant({ type: 'ping' as const }),
)

const serverMessage: fc.Arbitrary<WeftServerMessage> = fc.oneof(
  fc.record({ type: fc.constant('welcome' as const), serverId: text, messageBytesMax: number, pingPeriodMs: number }),
  fc.record({ type: fc.constant('opened' as const), channel, incarnation: text, seq: number, stateVector: bytes, permission }),
  fc.record({ type: fc.constant('state' as const), channel, seq: number, updates: fc.array(bytes, { maxLength: 5 }) }),
  fc.record({ type: fc.constant('update' as const), channel, seq: number, update: bytes }),
  fc.record({ type: fc.constant('piece' as const), channel, update: bytes }),
  fc.record({ type: fc.constant('trace' as const), channel, context: text }),
  fc.record({ type: fc.constant('acknowledged' as const), channel, through: number, seq: number }),
  fc.record({ type: fc.constant('refused' as const), channel, submission, ...refusal }),
  fc.record({ type: fc.constant('closed' as const), channel, ...refusal }),
  fc.record({ type: fc.constant('notice' as const), channel, ...refusal }),
  fc.record({ type: fc.constant('awareness' as const), channel, update: bytes }),
  fc.record({ type: fc.constant('message' as const), channel, user: text, session: text, payload: text }),
  fc.record({ type: fc.constant('permission' as const), channel, permission }),
  fc.record({ type: fc.constant('drain' as const), retryAfterMs: number }),
  fc.record({ type: fc.constant('resumption' as const), resumption: fc.string({ maxLength: 60 }) }),
  fc.constant({ type: 'pong' as const }),
)

test('any weft message survives encoding and decoding, in both directions', () => {
  fc.assert(
    fc.property(clientMessage, (message) => {
      assert.deepEqual(plainBytes(decodeWeftClient(concatenated(encodeWeftClient(message)))), plainBytes(message))
    }),
  )
  fc.assert(
    fc.property(serverMessage, (message) => {
      assert.deepEqual(plainBytes(decodeWeftServer(concatenated(encodeWeftServer(message)))), plainBytes(message))
    }),
  )
})

test('every proper prefix and every extension of a weft message is malformed, and so is a message in the wrong direction', () => {
  const check = (frame: Uint8Array, decode: (frame: Uint8Array) => unknown, decodeOther: (frame: Uint8Array) => unknown): void => {
    for (let length = 0; length < frame.length; length++) assert.throws(() => decode(frame.subarray(0, length)), malformed(/./))
    assert.throws(() => decode(Uint8Array.of(...frame, 7)), malformed(/left over/))
    assert.throws(() => decodeOther(frame), malformed(/which no (client|server) sends/))
  }
  fc.assert(
    fc.property(clientMessage, (message) => check(concatenated(encodeWeftClient(message)), decodeWeftClient, decodeWeftServer)),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(serverMessage, (message) => check(concatenated(encodeWeftServer(message)), decodeWeftServer, decodeWeftClient)),
    { numRuns: 50 },
  )
})

test('the examples in docs/protocol.md for weft are the bytes', () => {
  const fromClient = documentedExamples<WeftClientMessage>('weft client')
  for (const { bytes: frame, message } of fromClient) {
    assert.deepEqual(plainBytes(decodeWeftClient(frame)), plainBytes(message))
    assert.deepEqual([...concatenated(encodeWeftClient(message))], [...frame])
  }
  const fromServer = documentedExamples<WeftServerMessage>('weft server')
  for (const { bytes: frame, message } of fromServer) {
    assert.deepEqual(plainBytes(decodeWeftServer(frame)), plainBytes(message))
    assert.deepEqual([...concatenated(encodeWeftServer(message))], [...frame])
  }
  const types = (examples: readonly { message: { type: string } }[]) => [...new Set(examples.map(({ message }) => message.type))].sort()
  assert.deepEqual(types(fromClient), ['awareness', 'close', 'hello', 'message', 'open', 'part', 'ping', 'submit', 'sync', 'token'])
  assert.deepEqual(types(fromServer), [
    'acknowledged',
    'awareness',
    'closed',
    'drain',
    'message',
    'opened',
    'permission',
    'piece',
    'pong',
    'refused',
    'resumption',
    'state',
    'update',
    'welcome',
  ])
})

test('S2: large updates of a state are parts of their own and are not copied', () => {
  const base = new Uint8Array(3_000_000)
  const tail = new Uint8Array(sharedPartBytesMin + 1)
  const parts = encodeWeftServer({ type: 'state', channel: 1, seq: 9, updates: [base, new Uint8Array(3), tail] })
  assert.ok(parts.includes(base) && parts.includes(tail))
  assert.ok(parts.filter((part) => part !== base && part !== tail).every((part) => part.length < 100))
})

test('G1: agent and token are bounded', () => {
  const hello = (agent: string, token: string) => () => decodeWeftClient(concatenated(encodeWeftClient({ type: 'hello', agent, token })))
  hello('a'.repeat(agentBytesMax), 't'.repeat(tokenBytesMax))()
  assert.throws(hello('a'.repeat(agentBytesMax + 1), ''), malformed(/string of 257 bytes where 256 are allowed/))
  assert.throws(hello('', 't'.repeat(tokenBytesMax + 1)), malformed(/where 16384 are allowed/))
})

test('G5: what is wrong with a message is named', () => {
  assert.throws(() => decodeWeftClient(Uint8Array.of(0)), malformed(/type 0, which no client sends/))
  assert.throws(() => decodeWeftClient(Uint8Array.of(4, 1, 0, 0)), malformed(/counting starts at 1/))
  assert.throws(() => decodeWeftClient(Uint8Array.of(3, 1, 7)), malformed(/unknown form 7/))
  assert.throws(() => decodeWeftServer(Uint8Array.of(41, 1, 2)), malformed(/holds 2 where 0 or 1 is expected/))
  assert.throws(() => decodeWeftServer(Uint8Array.of(35, 1, 1, 0xff, 0xff, 0x7f, 0)), malformed(/announces 2097151 entries in 1 bytes/))
})

test('the channel of a message is read from its first bytes, and the one that it writes on', () => {
  const of = (message: WeftClientMessage): Uint8Array => Uint8Array.from(Buffer.concat(encodeWeftClient(message)))
  const submit = of({ type: 'submit', channel: 300, submission: 1, update: Uint8Array.of(0, 0) })
  const open = of({ type: 'open', channel: 7, documentId: 'a', token: '', known: { kind: 'nothing' } })
  assert.deepEqual([channelOf(submit), channelWrittenOn(submit)], [300, 300])
  assert.deepEqual([channelOf(open), channelWrittenOn(open)], [7, null])
  assert.deepEqual([channelOf(of({ type: 'ping' })), channelWrittenOn(of({ type: 'ping' }))], [null, null])
  for (const odd of [[], [4], [2, 0x80], [255]]) assert.equal(channelWrittenOn(Uint8Array.from(odd)), null)
})
