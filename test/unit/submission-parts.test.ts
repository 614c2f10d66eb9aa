// A submission that comes in parts: put together, bounded, counted in memory, and forgotten with its channel.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { MemoryBudget } from '../../core/memory-budget.js'
import { SubmissionParts } from '../../server/gateway/submission-parts.js'
import { updateWith } from '../helpers/client-fixture.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'

test('G8: parts are counted until they are put together or dropped', () => {
  const budget = new MemoryBudget(10_000)
  const account = budget.account('received')
  const parts = new SubmissionParts(1_000, budget)
  assert.deepEqual([...parts.complete(Uint8Array.of(9))], [9], 'without parts as it is')
  parts.add(Uint8Array.of(1, 2))
  parts.add(Uint8Array.of(3))
  assert.ok(account.bytes > 3, 'each at more than its bytes')
  assert.deepEqual([...parts.complete(Uint8Array.of(4))], [1, 2, 3, 4])
  assert.equal(account.bytes, 0)
  parts.add(new Uint8Array(600))
  parts.drop()
  parts.drop()
  assert.equal(account.bytes, 0)

  parts.add(new Uint8Array(600))
  assert.throws(() => parts.add(new Uint8Array(401)), { code: 'message-too-large' })
  parts.drop()
  parts.add(new Uint8Array(600))
  assert.throws(() => parts.complete(new Uint8Array(401)), { code: 'message-too-large' })
  parts.drop()
  assert.equal(account.bytes, 0)
  budget.account('documents').add(10_000)
  assert.throws(() => parts.add(new Uint8Array(1)), { code: 'overloaded' })
})

test('G1: a submission in parts is one edit; those of other channels pass between; past the largest message the connection is told why', async () => {
  const { server, webSocketUrl } = await startLocalServer({ limits: { messageBytesMax: 64 * 1024 } })
  const client = await RawClient.weft(webSocketUrl)
  try {
    for (const [channel, documentId] of [
      [1, 'a'],
      [2, 'b'],
    ] as const) {
      client.sendWeft({ type: 'open', channel, documentId, token: '', known: { kind: 'nothing' } })
    }
    const of = (type: string, count: number) =>
      eventually(type, () => client.weftMessages.filter((message) => message.type === type).length === count)
    await of('state', 2)
    const updates = [updateWith('in parts '.repeat(1_000)), updateWith('b'.repeat(20))] as const
    for (let offset = 0; offset < 8_000; offset += 1_000) {
      client.sendWeft({ type: 'part', channel: 1, bytes: updates[0].subarray(offset, offset + 1_000) })
      if (offset === 4_000) client.sendWeft({ type: 'submit', channel: 2, submission: 1, update: updates[1] })
    }
    await of('acknowledged', 1)
    assert.equal((await client.weftMessage('acknowledged')).channel, 2)
    client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: updates[0].subarray(8_000) })
    await of('acknowledged', 2)
    client.sendWeft({ type: 'sync', channel: 1, known: { kind: 'nothing' } })
    const copy = new Y.Doc()
    await of('state', 3)
    for (const message of client.weftMessages)
      if (message.type === 'state') for (const update of message.updates) Y.applyUpdate(copy, update)
    assert.equal(copy.getText('body').toString(), 'in parts '.repeat(1_000))

    for (let count = 0; count < 3; count++) client.sendWeft({ type: 'part', channel: 1, bytes: new Uint8Array(30_000) })
    const { code, reason } = await client.closed
    assert.equal(code, 4413)
    assert.match(reason, /larger than 65536 bytes/)
  } finally {
    client.close()
    await server.close()
  }
})
