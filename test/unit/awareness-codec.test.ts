// Awareness updates as bytes: round trips, agreement with y-protocols, and refusal of everything malformed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { Doc } from 'yjs'
import { WeftError } from '../../core/errors.js'
import { checkState, decodeAwareness, encodeAwareness, isRemoval, parseState, removalState } from '../../protocol/awareness.js'

const utf8 = new TextEncoder()
const malformed = (problem: RegExp) => (error: unknown) =>
  error instanceof WeftError && error.code === 'malformed' && problem.test(error.message)

const anyEntry = fc.record({
  clientId: fc.maxSafeNat(),
  clock: fc.maxSafeNat(),
  state: fc.json().map((json) => utf8.encode(json)),
})

test('any list of awareness entries survives encoding and decoding', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 40 }), (entries) => {
      const decoded = decodeAwareness(encodeAwareness(entries))
      assert.deepEqual(
        decoded.map((entry) => ({ ...entry, state: [...entry.state] })),
        entries.map((entry) => ({ ...entry, state: [...entry.state] })),
      )
    }),
  )
})

test('every proper prefix and every extension of an awareness update is malformed', () => {
  const bytes = encodeAwareness([
    { clientId: 300, clock: 5, state: utf8.encode('{"name":"Ada"}') },
    { clientId: 2 ** 52, clock: 0, state: removalState },
  ])
  for (let length = 0; length < bytes.length; length++) assert.throws(() => decodeAwareness(bytes.subarray(0, length)), malformed(/./))
  assert.throws(() => decodeAwareness(Uint8Array.of(...bytes, 0)), malformed(/1 bytes left over/))
})

test('what y-protocols encodes is read, and what Weft encodes is read by y-protocols', () => {
  const sender = new Awareness(new Doc())
  const receiver = new Awareness(new Doc())
  try {
    sender.setLocalState({ user: { name: 'Grace ☃' }, cursor: null })
    const original = encodeAwarenessUpdate(sender, [sender.clientID])
    const entries = decodeAwareness(original)
    assert.deepEqual(
      entries.map(({ clientId, clock, state }) => ({ clientId, clock, state: parseState(state) })),
      [{ clientId: sender.clientID, clock: 1, state: sender.getLocalState() }],
    )
    assert.deepEqual(encodeAwareness(entries), original)
    applyAwarenessUpdate(receiver, encodeAwareness(entries), 'test')
    assert.deepEqual(receiver.getStates().get(sender.clientID), sender.getLocalState())
    applyAwarenessUpdate(receiver, encodeAwareness([{ clientId: sender.clientID, clock: 1, state: removalState }]), 'test')
    assert.equal(receiver.getStates().has(sender.clientID), false, 'A5: a removal at the same clock removes')
  } finally {
    sender.destroy()
    receiver.destroy()
  }
})

test('A5: only the text null is a removal', () => {
  const entry = (json: string) => ({ clientId: 1, clock: 1, state: utf8.encode(json) })
  assert.equal(isRemoval(entry('null')), true)
  for (const json of ['{}', 'nul', 'nulll', '"null"', ' null', '0']) assert.equal(isRemoval(entry(json)), false, json)
})

test('a forged entry count is refused before anything is allocated', () => {
  assert.throws(
    () => decodeAwareness(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1, 0x30)),
    malformed(/announces 4294967295 entries in 4 bytes/),
  )
})

test('numbers past the safe integers, and numbers that never end, are refused', () => {
  // 2^53, then a state.
  const beyond = Uint8Array.of(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 1, 0x30)
  assert.throws(() => decodeAwareness(beyond), malformed(/above 2\^53/))
  assert.throws(() => decodeAwareness(Uint8Array.of(1, ...new Uint8Array(100).fill(0x80))), malformed(/above 2\^53/))
  // 2^53 − 1 is the last one that is read.
  const last = Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 0x30)
  assert.equal(decodeAwareness(last)[0]?.clientId, Number.MAX_SAFE_INTEGER)
})

test('a state that a receiver could not parse is refused', () => {
  const bad = ['{', '{"a":1}}', "{'a':1}", '', ' null', 'null\n', '{"a":nul}']
  for (const json of bad) assert.throws(() => checkState(utf8.encode(json), 200), malformed(/state/), JSON.stringify(json))
  assert.throws(() => checkState(Uint8Array.of(0x22, 0xff, 0x22), 200), malformed(/not valid JSON/))
  for (const json of ['null', '{}', '0', '"[[[[\\"[["', '{"a":[1,{"b":"\\\\"}]}']) checkState(utf8.encode(json), 3)
})

test('G1: nestingDepthMax bounds the nesting of an awareness state', () => {
  const nested = (depth: number) => utf8.encode('['.repeat(depth) + ']'.repeat(depth))
  checkState(nested(200), 200)
  assert.throws(() => checkState(nested(201), 200), malformed(/nested more than 200 deep/))
})
