// The contract of persistence/membership.ts as tests: who is in the cluster, in the store's own time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MembershipStore, NodeSelf } from '../../persistence/membership.js'

export interface MembershipUnderTest {
  /** The view of one more node on the same membership. */
  node(): Promise<MembershipStore>
  /** Lets the store's clock move on by at least `ms`. */
  wait(ms: number): Promise<void>
  cleanup(): Promise<void>
}

const self = (nodeId: string, boot: string): NodeSelf => ({
  nodeId,
  boot,
  advertise: `127.0.0.1:${nodeId.length}`,
  version: '1.0.0',
  draining: false,
})

export function membershipContract(name: string, make: () => Promise<MembershipUnderTest>): void {
  const membershipTest = (title: string, run: (underTest: MembershipUnderTest) => Promise<void>) =>
    test(title, async () => {
      const underTest = await make()
      try {
        await run(underTest)
      } finally {
        await underTest.cleanup()
      }
    })

  describe(`membership contract: ${name}`, () => {
    membershipTest('O2: a heartbeat answers every node with the age of its last one', async (underTest) => {
      const [a, b] = [await underTest.node(), await underTest.node()]
      const first = await a.heartbeat(self('a', 'boot-a'))
      assert.deepEqual(
        first.nodes.map(({ startedAt, ageMs, ...row }) => row),
        [self('a', 'boot-a')],
      )
      assert.ok(first.now > 1e12, 'milliseconds since the epoch')
      await underTest.wait(50)
      const second = await b.heartbeat({ ...self('b', 'boot-b'), draining: true })
      assert.deepEqual(
        second.nodes.map(({ nodeId, draining }) => [nodeId, draining]),
        [
          ['a', false],
          ['b', true],
        ],
      )
      const [rowOfA, rowOfB] = second.nodes
      assert.ok(rowOfA !== undefined && rowOfB !== undefined)
      assert.ok(rowOfA.ageMs >= 50, `a's age is ${rowOfA.ageMs} ms`)
      assert.ok(rowOfB.ageMs < rowOfA.ageMs, 'the own heartbeat is the youngest')
      assert.ok(second.now >= first.now + 50)
    })

    membershipTest('O2: repeated heartbeats keep the start, renew the age and carry changes', async (underTest) => {
      const a = await underTest.node()
      const [first] = (await a.heartbeat(self('a', 'boot-a'))).nodes
      await underTest.wait(30)
      const [again] = (await a.heartbeat({ ...self('a', 'boot-a'), draining: true, advertise: 'elsewhere:1' })).nodes
      assert.equal(again?.startedAt, first?.startedAt)
      assert.ok((again?.ageMs ?? 1e9) < 30)
      assert.deepEqual([again?.draining, again?.advertise], [true, 'elsewhere:1'])
    })

    membershipTest('O3: a new boot takes the row over, and the old boot learns of it instead of taking it back', async (underTest) => {
      const [old, young] = [await underTest.node(), await underTest.node()]
      const before = await old.heartbeat(self('a', 'boot-1'))
      await underTest.wait(5)
      const after = await young.heartbeat(self('a', 'boot-2'))
      assert.deepEqual(
        after.nodes.map((node) => node.boot),
        ['boot-2'],
      )
      assert.ok((after.nodes[0]?.startedAt ?? 0) > (before.nodes[0]?.startedAt ?? 0))
      assert.deepEqual(
        (await old.heartbeat(self('a', 'boot-1'))).nodes.map((node) => node.boot),
        ['boot-2'],
      )
      await old.leave(self('a', 'boot-1'))
      assert.deepEqual(
        (await young.heartbeat(self('a', 'boot-2'))).nodes.map((node) => node.boot),
        ['boot-2'],
        'the old boot cannot take the row of the new one away',
      )
    })

    membershipTest('O5: a node that leaves is gone at once; leaving again is harmless', async (underTest) => {
      const [a, b] = [await underTest.node(), await underTest.node()]
      await a.heartbeat(self('a', 'boot-a'))
      await b.heartbeat(self('b', 'boot-b'))
      await a.leave(self('a', 'boot-a'))
      await a.leave(self('a', 'boot-a'))
      assert.deepEqual(
        (await b.heartbeat(self('b', 'boot-b'))).nodes.map((node) => node.nodeId),
        ['b'],
      )
    })

    membershipTest('O2: heartbeats of many nodes at once all count', async (underTest) => {
      const nodes = await Promise.all(Array.from({ length: 8 }, () => underTest.node()))
      await Promise.all(nodes.map((node, index) => node.heartbeat(self(`node-${index}`, `boot-${index}`))))
      assert.equal((await nodes[0]?.heartbeat(self('node-0', 'boot-0')))?.nodes.length, 8)
    })
  })
}
