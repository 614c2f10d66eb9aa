// The y-websocket dialect: round trips, agreement with the published encoders, the examples of docs/protocol.md, and what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { readAuthMessage, writePermissionDenied } from 'y-protocols/auth'
import * as sync from 'y-protocols/sync'
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs'
import { WeftError } from '../../core/errors.js'
import { sharedPartBytesMin } from '../../protocol/bytes.js'
import { decodeYWebsocket, encodeYWebsocket, hasUnknownType, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { concatenated, documentedExamples, plainBytes } from '../helpers/protocol-examples.js'

const malformed = (problem: RegExp) => (error: unknown) =>
  error instanceof WeftError && error.code === 'malformed' && problem.test(error.message)

const anyBytes = fc.uint8Array({ maxLength: 300 })
const anyMessage: fc.Arbitrary<YWebsocketMessage> = fc.oneof(
  fc.record({ type: fc.constant('sync-step-1' as const), stateVector: anyBytes }),
  fc.record({ type: fc.constant('sync-step-2' as const), update: anyBytes }),
  fc.record({ type: fc.constant('update' as const), update: anyBytes }),
  fc.record({ type: fc.constant('awareness' as const), update: anyBytes }),
  fc.record({ type: fc.constant('auth-denied' as const), reason: fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()) }),
  fc.constant({ type: 'query-awareness' as const }),
)

test('any y-websocket message survives encoding and decoding', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      assert.deepEqual(plainBytes(decodeYWebsocket(concatenated(encodeYWebsocket(message)))), plainBytes(message))
    }),
  )
})

test('every proper prefix and every extension of a y-websocket message is malformed', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const frame = concatenated(encodeYWebsocket(message))
      for (let length = 0; length < frame.length; length++) assert.throws(() => decodeYWebsocket(frame.subarray(0, length)), malformed(/./))
      assert.throws(() => decodeYWebsocket(Uint8Array.of(...frame, 7)), malformed(/left over/))
    }),
    { numRuns: 50 },
  )
})

test('the examples in docs/protocol.md for y-websocket are the bytes', () => {
  const examples = documentedExamples<YWebsocketMessage>('y-websocket')
  for (const { bytes, message } of examples) {
    assert.deepEqual(plainBytes(decodeYWebsocket(bytes)), plainBytes(message))
    assert.deepEqual([...concatenated(encodeYWebsocket(message))], [...bytes])
  }
  assert.deepEqual(
    [...new Set(examples.map(({ message }) => message.type))].sort(),
    ['auth-denied', 'awareness', 'query-awareness', 'sync-step-1', 'sync-step-2', 'update'],
    'every message has an example',
  )
})

test('the update that the examples use does what docs/protocol.md says it does', () => {
  const edit = documentedExamples<YWebsocketMessage>('y-websocket').find(({ message }) => message.type === 'update')?.message
  assert.ok(edit?.type === 'update')
  const doc = new Doc()
  applyUpdate(doc, edit.update)
  assert.equal(doc.getText('t').toJSON(), 'hi')
  assert.deepEqual([...encodeStateAsUpdate(doc)], [...edit.update])
})

test('what y-protocols writes is read', () => {
  const doc = new Doc()
  doc.getText('t').insert(0, 'hello')
  const write = (run: (encoder: encoding.Encoder) => void): Uint8Array => {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, 0)
    run(encoder)
    return encoding.toUint8Array(encoder)
  }
  const update = encodeStateAsUpdate(doc)
  assert.deepEqual(plainBytes(decodeYWebsocket(write((encoder) => sync.writeSyncStep1(encoder, new Doc())))), {
    type: 'sync-step-1',
    stateVector: [0],
  })
  assert.deepEqual(plainBytes(decodeYWebsocket(write((encoder) => sync.writeSyncStep2(encoder, doc)))), {
    type: 'sync-step-2',
    update: [...update],
  })
  assert.deepEqual(plainBytes(decodeYWebsocket(write((encoder) => sync.writeUpdate(encoder, update)))), {
    type: 'update',
    update: [...update],
  })
})

test('what Weft writes is read by y-protocols', () => {
  const source = new Doc()
  source.getText('t').insert(0, 'hello')
  const target = new Doc()
  const decoder = decoding.createDecoder(concatenated(encodeYWebsocket({ type: 'sync-step-2', update: encodeStateAsUpdate(source) })))
  assert.equal(decoding.readVarUint(decoder), 0)
  assert.equal(sync.readSyncMessage(decoder, encoding.createEncoder(), target, 'test'), sync.messageYjsSyncStep2)
  assert.equal(target.getText('t').toJSON(), 'hello')

  const denied = decoding.createDecoder(concatenated(encodeYWebsocket({ type: 'auth-denied', reason: 'no' })))
  assert.equal(decoding.readVarUint(denied), 2)
  let reason = ''
  readAuthMessage(denied, target, (_doc, text) => {
    reason = text
  })
  assert.equal(reason, 'no')
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 2)
  writePermissionDenied(encoder, 'no')
  assert.deepEqual(decodeYWebsocket(encoding.toUint8Array(encoder)), { type: 'auth-denied', reason: 'no' })
})

test('S2: a large payload is a part of its own and is not copied', () => {
  const update = new Uint8Array(sharedPartBytesMin + 1)
  const parts = encodeYWebsocket({ type: 'sync-step-2', update })
  assert.equal(parts.length, 2)
  assert.equal(parts[1], update)
  assert.equal(encodeYWebsocket({ type: 'sync-step-2', update: update.subarray(1) }).length, 1)
})

test('a type that the dialect does not have is told from a message that is malformed', () => {
  fc.assert(fc.property(anyMessage, (message) => assert.equal(hasUnknownType(concatenated(encodeYWebsocket(message))), false)))
  for (const frame of [[4], [99, 1, 2], [0x80, 1], [0, 3], [0, 99, 0], [2, 1]]) assert.equal(hasUnknownType(Uint8Array.from(frame)), true)
  for (const frame of [[], [0], [2], new Array<number>(9).fill(0xff)])
    assert.throws(() => hasUnknownType(Uint8Array.from(frame)), malformed(/./))
})

test('G5: what is wrong with a message is named', () => {
  assert.throws(() => decodeYWebsocket(Uint8Array.of()), malformed(/ends in the middle of a number/))
  assert.throws(() => decodeYWebsocket(Uint8Array.of(9)), malformed(/unknown type 9/))
  assert.throws(() => decodeYWebsocket(Uint8Array.of(0, 3)), malformed(/unknown sync type 3/))
  assert.throws(() => decodeYWebsocket(Uint8Array.of(2, 1)), malformed(/unknown authentication type 1/))
  assert.throws(() => decodeYWebsocket(Uint8Array.of(0, 2, 5, 1)), malformed(/announces 5 bytes where 1 are left/))
  assert.throws(() => decodeYWebsocket(Uint8Array.of(2, 0, 1, 0xff)), malformed(/not valid UTF-8/))
})
