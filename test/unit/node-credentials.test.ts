// How nodes prove to each other that they know the cluster's secret: what is let in, once, and what is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../core/random.js'
import { NodeAnswer, NodeGatekeeper } from '../../server/access/node-credentials.js'
import { ManualClock } from '../helpers/manual-clock.js'

const secret = 'a secret of sixteen characters or more'

function gatekeeper(clock = new ManualClock()): NodeGatekeeper {
  return new NodeGatekeeper({ secret, clock, random: seededRandom(1) })
}

const answerTo = (challenge: string, knows = secret): NodeAnswer => new NodeAnswer(knows, challenge, seededRandom(2))

test('O1: an owner lets a node in that knows the secret, and proves that it knows it too', () => {
  const keeper = gatekeeper()
  const answer = answerTo(keeper.challenge())
  const proof = keeper.admit(answer.authorization)
  assert.ok(answer.isProof(proof))
  assert.equal(answer.isProof(`${proof}x`), false)
  assert.equal(answer.isProof(undefined), false)
})

test('G6: authorization of a node is good for one use: who reads it on a plain link cannot repeat it', () => {
  const clock = new ManualClock()
  const keeper = gatekeeper(clock)
  const { authorization } = answerTo(keeper.challenge())
  assert.notEqual(keeper.admit(authorization), null)
  for (let elapsedMs = 0; elapsedMs < 20_000; elapsedMs += 500) {
    assert.equal(keeper.admit(authorization), null, `again after ${elapsedMs} ms`)
    clock.advance(500)
  }
  assert.notEqual(keeper.admit(answerTo(keeper.challenge()).authorization), null, 'a new challenge can be answered')
})

test('G6: authorization with another secret, a made-up or an old challenge is refused', () => {
  const clock = new ManualClock()
  const keeper = gatekeeper(clock)
  const challenge = keeper.challenge()
  assert.equal(keeper.admit(answerTo(challenge, 'another secret of the right length').authorization), null)
  assert.equal(keeper.admit(answerTo(gatekeeper().challenge().replace(/^\d+/, '5')).authorization), null)
  for (const malformed of [undefined, '', 'Weft-Node', `Bearer ${challenge}`]) assert.equal(keeper.admit(malformed), null)
  clock.advance(10_001)
  assert.equal(keeper.admit(answerTo(challenge).authorization), null)
})

test('G1: no more challenges are remembered than the limit, and those that expired make room', () => {
  const clock = new ManualClock()
  const keeper = gatekeeper(clock)
  let admitted = 0
  for (let node = 0; node < 10_100; node++) if (keeper.admit(answerTo(keeper.challenge()).authorization) !== null) admitted += 1
  assert.equal(admitted, 10_000)
  clock.advance(10_001)
  assert.notEqual(keeper.admit(answerTo(keeper.challenge()).authorization), null)
})
