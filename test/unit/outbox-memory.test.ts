// What waits in sockets counts as it lies in memory.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { MemoryBudget } from '../../core/memory-budget.js'
import { OutboxMemory } from '../../server/transport/outbox-memory.js'

const KiB = 1024

test('G8: bytes that many clients wait for count once, copies count each, and nothing counts when all is taken', () => {
  const account = new MemoryBudget(1024 * KiB * KiB).account('outboxes')
  const memory = new OutboxMemory(account)
  const base = new Uint8Array(500 * KiB)
  const toMany = Array.from({ length: 100 }, (_, index) => [Uint8Array.of(1, index), base])
  for (const message of toMany) memory.hold(message)
  assert.ok(account.bytes >= 500 * KiB && account.bytes < 600 * KiB)
  const copies = Array.from({ length: 3 }, () => [new Uint8Array(200 * KiB)])
  for (const message of copies) memory.hold(message)
  assert.ok(account.bytes >= 1_100 * KiB)
  for (const message of toMany.slice(1)) memory.release(message)
  assert.ok(account.bytes >= 1_100 * KiB, 'one of them still waits for it')
  for (const message of [...toMany.slice(0, 1), ...copies]) memory.release(message)
  assert.equal(account.bytes, 0)
})

test('G8: a few large bytes of a larger buffer keep, and count, all of it', () => {
  const account = new MemoryBudget(1024 * KiB * KiB).account('outboxes')
  const memory = new OutboxMemory(account)
  const document = new Uint8Array(300 * KiB)
  const pieces = [[document.subarray(0, 100 * KiB)], [document.subarray(100 * KiB)]]
  for (const piece of pieces) memory.hold(piece)
  assert.ok(account.bytes >= 300 * KiB && account.bytes < 310 * KiB)
  for (const piece of pieces) memory.release(piece)
  assert.equal(account.bytes, 0)
})
