// Which transport a client tries, and how it reads a stream of events however the network cuts it.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { readEvents } from '../../client/transports/event-stream.js'
import { Negotiation, transportNames } from '../../client/transports/negotiation.js'
import { decodeRecords, encodeRecord } from '../../protocol/http-frames.js'

test('a WebSocket comes first, then server-sent events, then long polls, each for a time; after the last one there is a wait', () => {
  const negotiation = new Negotiation(transportNames)
  const tried: [string, number][] = []
  const now: boolean[] = []
  for (let attempt = 0; attempt < 4; attempt++) {
    tried.push([negotiation.current, negotiation.msMax])
    now.push(negotiation.failed())
  }
  assert.deepEqual(tried, [
    ['websocket', 5_000],
    ['sse', 10_000],
    ['poll', 30_000],
    ['websocket', 5_000],
  ])
  assert.deepEqual(now, [true, true, false, true])
})

test('what has worked stays, and is left only when it fails three times in a row', () => {
  const negotiation = new Negotiation(transportNames)
  negotiation.failed()
  negotiation.welcomed('sse')
  assert.ok(negotiation.mayImprove)
  assert.equal(negotiation.msMax, 30_000, 'a slow start is not mistaken for a proxy')
  assert.deepEqual([negotiation.failed(), negotiation.failed(), negotiation.current], [false, false, 'sse'])
  negotiation.welcomed('sse')
  assert.deepEqual(
    [negotiation.failed(), negotiation.failed(), negotiation.failed(), negotiation.current],
    [false, false, false, 'websocket'],
  )
  negotiation.welcomed('websocket')
  assert.equal(negotiation.mayImprove, false)
})

test('only the transports that an application wants are tried; a name that nobody knows is refused', () => {
  const negotiation = new Negotiation(['poll'])
  assert.equal(negotiation.failed(), false)
  assert.equal(negotiation.current, 'poll')
  assert.equal(negotiation.mayImprove, false)
  assert.throws(() => new Negotiation([]), /transports/)
  assert.throws(() => new Negotiation(['pigeon' as 'poll']), /transports/)
})

test('a stream of events reads the same wherever it is cut, and an event that is cut short does not count', async () => {
  const text =
    'event: from\ndata: 1\n\n: a comment\n\ndata: aGk=\n\nevent: ping\ndata:\n\nevent: close\ndata: {"code":1012,"reason":"Grüße"}\n\ndata: bG9z'
  const bytes = new TextEncoder().encode(text)
  for (let size = 1; size <= bytes.length; size++) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
        controller.close()
      },
    })
    let read = 0
    const records: [string, string][] = []
    const count = (more: number): void => {
      read += more
    }
    await readEvents(body, count, ({ kind, content }) => records.push([kind, new TextDecoder().decode(content)]))
    assert.deepEqual(records, [
      ['message', 'hi'],
      ['ping', ''],
      ['close', '{"code":1012,"reason":"Grüße"}'],
    ])
    assert.equal(read, bytes.length)
  }
})

test('records of a body are read as they were written, and a body that is cut is malformed', () => {
  const parts = [
    encodeRecord('message', Uint8Array.of(1, 2, 3)),
    encodeRecord('ping', new Uint8Array()),
    encodeRecord('close', new Uint8Array(300)),
  ]
  const body = Buffer.concat(parts.flat())
  assert.deepEqual(
    decodeRecords(body).map(({ kind, content }) => [kind, content.length]),
    [
      ['message', 3],
      ['ping', 0],
      ['close', 300],
    ],
  )
  assert.throws(() => decodeRecords(body.subarray(0, 4)), { code: 'malformed' })
  assert.throws(() => decodeRecords(Uint8Array.of(3, 0)), { code: 'malformed' })
})
