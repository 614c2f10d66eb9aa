// Fuzzes the codecs of all dialects and of awareness, and the awareness hub: mutated valid messages, and plain noise.
// Only a WeftError `malformed` may be thrown, what is accepted must mean the same when it is encoded and decoded again, and nothing decoded may be
// larger than its input.
import assert from 'node:assert/strict'
import { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import { checkState, decodeAwareness, encodeAwareness } from '../../protocol/awareness.js'
import { decodeHocuspocus, encodeHocuspocus } from '../../protocol/dialects/hocuspocus.js'
import {
  decodeWeftClient,
  decodeWeftServer,
  encodeWeftClient,
  encodeWeftServer,
  type WeftClientMessage,
  type WeftServerMessage,
} from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { decodeRecords, encodeRecord } from '../../protocol/http-frames.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { decodeRelayAnswer, decodeRelayRequest, encodeRelayAnswer, encodeRelayRequest } from '../../server/transport/http/relay-frames.js'
import { ManualClock } from './manual-clock.js'
import { concatenated, documentedExamples, plainBytes } from './protocol-examples.js'

interface FuzzReport {
  inputs: number
  /** Inputs that were valid for the decoder they were given to. */
  accepted: number
}

interface Target {
  readonly corpus: readonly Uint8Array[]
  /** True if the input is valid; throws if anything is wrong with how it was handled. */
  accepts(bytes: Uint8Array): boolean
}

/** Feeds `iterations` inputs to the decoders in turn. Throws at the first one that is mishandled, with its bytes. */
export function fuzzWire(random: Random, iterations: number): FuzzReport {
  const report: FuzzReport = { inputs: 0, accepted: 0 }
  const targets = [
    codecTarget(documentedExamples<YWebsocketMessage>('y-websocket'), decodeYWebsocket, (message) =>
      concatenated(encodeYWebsocket(message)),
    ),
    codecTarget(documentedExamples<WeftClientMessage>('weft client'), decodeWeftClient, (message) =>
      concatenated(encodeWeftClient(message)),
    ),
    codecTarget(documentedExamples<WeftServerMessage>('weft server'), decodeWeftServer, (message) =>
      concatenated(encodeWeftServer(message)),
    ),
    hocuspocusTarget(),
    recordsTarget(),
    relayTarget(),
    codecTarget(awarenessExamples(), decodeAwareness, encodeAwareness),
    hubTarget(),
  ]
  for (; report.inputs < iterations; report.inputs++) {
    const target = targets[report.inputs % targets.length] as Target
    const bytes = randomInput(random, target.corpus)
    try {
      if (target.accepts(bytes)) report.accepted++
    } catch (error) {
      throw new Error(`Input ${report.inputs} was mishandled: ${Buffer.from(bytes).toString('hex')}`, { cause: error })
    }
  }
  return report
}

/** Providers' messages are only read here: nothing of ours writes them. */
/** Bodies over HTTP: none of what comes out is longer than what went in. */
function recordsTarget(): Target {
  const corpus = [
    concatenated([
      ...encodeRecord('message', Uint8Array.of(5)),
      ...encodeRecord('message', new Uint8Array(300)),
      ...encodeRecord('ping', new Uint8Array()),
    ]),
    concatenated(encodeRecord('close', new TextEncoder().encode('{"code":1012,"reason":"restart"}'))),
  ]
  return {
    corpus,
    accepts: (bytes) => {
      const read = unlessMalformed(() => decodeRecords(bytes))
      if (read === null) return false
      assert.ok(read.reduce((sum, { content }) => sum + content.length, 0) <= bytes.length)
      assert.deepEqual(
        plainBytes(decodeRecords(concatenated(read.flatMap(({ kind, content }) => [...encodeRecord(kind, content)])))),
        plainBytes(read),
      )
      return true
    },
  }
}

/** What nodes say about requests that they pass on. */
function relayTarget(): Target {
  const request = { action: 'messages', connection: 'boot.id', after: 300, first: 7, body: Uint8Array.of(0, 1, 5) } as const
  return {
    corpus: [
      concatenated(encodeRelayRequest({ type: 'request', id: 1, request })),
      concatenated(encodeRelayRequest({ type: 'gone', id: 300 })),
      concatenated(encodeRelayAnswer({ type: 'begin', id: 1, status: 200, contentType: 'text/event-stream' })),
      concatenated(encodeRelayAnswer({ type: 'bytes', id: 1, bytes: Uint8Array.of(1, 2, 3) })),
      concatenated(encodeRelayAnswer({ type: 'end', id: 2 })),
    ],
    accepts: (bytes) => {
      const asked = unlessMalformed(() => decodeRelayRequest(bytes))
      if (asked !== null) assert.deepEqual(plainBytes(decodeRelayRequest(concatenated(encodeRelayRequest(asked)))), plainBytes(asked))
      const answered = unlessMalformed(() => decodeRelayAnswer(bytes))
      if (answered !== null)
        assert.deepEqual(plainBytes(decodeRelayAnswer(concatenated(encodeRelayAnswer(answered)))), plainBytes(answered))
      return asked !== null || answered !== null
    },
  }
}

function hocuspocusTarget(): Target {
  const update = Uint8Array.of(1, 1, 7, 0, 4, 1, 1, 0x74, 2, 0x68, 0x69, 0)
  const corpus = [
    ...(['sync-step-2', 'update', 'awareness'] as const).map((type) => encodeHocuspocus('notes', { type, update })),
    encodeHocuspocus('notes\0session', { type: 'sync-step-1', stateVector: Uint8Array.of(1, 7, 2) }),
    encodeHocuspocus('notes', { type: 'stateless', payload: 'for the application' }),
    encodeHocuspocus('notes', { type: 'close', reason: 'provider_initiated' }),
  ].map(concatenated)
  // A token with the version of the provider behind it.
  const token = Uint8Array.of(1, 0x61, 2, 0, 3, 0x74, 0x6f, 0x6b, 5, 0x34, 0x2e, 0x38, 0x2e, 0x30)
  return {
    corpus: [...corpus, token],
    accepts(bytes) {
      const message = unlessMalformed(() => decodeHocuspocus(bytes))
      if (message === null) return false
      assert.ok(countValues(message) <= 16 + 4 * bytes.length, 'what is decoded is in proportion to its input')
      return true
    },
  }
}

function codecTarget<Message>(
  examples: readonly { readonly bytes: Uint8Array }[],
  decode: (bytes: Uint8Array) => Message,
  encode: (message: Message) => Uint8Array,
): Target {
  return {
    corpus: examples.map(({ bytes }) => bytes),
    accepts(bytes) {
      const message = unlessMalformed(() => decode(bytes))
      if (message === null) return false
      assert.ok(countValues(message) <= 16 + 4 * bytes.length, 'what is decoded is in proportion to its input')
      assert.deepEqual(plainBytes(decode(encode(message))), plainBytes(message))
      return true
    },
  }
}

/** A hub with one honest session: whatever another session sends, the honest one is served. */
function hubTarget(): Target {
  const clock = new ManualClock()
  const hub = new DocumentAwarenesses({
    clock,
    counters: new Counters(),
    limits: defaultLimits,
    logger: silentLogger,
    bus: soloAwarenessBus,
  })
  const honestId = 2 ** 52 + 1
  const probe = async (): Promise<boolean> => true
  let heard: Uint8Array | null = null
  const honest = hub.join('d', {
    probe,
    leftOut: () => {},
    awareness: (frame) => {
      heard = frame.update
      for (const { state } of decodeAwareness(frame.update)) checkState(state, defaultLimits.nestingDepthMax)
    },
  })
  const hostile = () => hub.join('d', { awareness: () => {}, leftOut: () => {}, probe })
  let attacker = hostile()
  let honestClock = 0
  return {
    corpus: awarenessExamples().map(({ bytes }) => bytes),
    accepts(bytes) {
      const accepted = unlessMalformed(() => {
        attacker.receive(bytes)
        return true
      })
      if (accepted === null) {
        attacker.leave()
        attacker = hostile()
      }
      const said = encodeAwareness([{ clientId: honestId, clock: honestClock++, state: Uint8Array.of(0x31) }])
      honest.receive(said)
      heard = null
      clock.advance(100)
      assert.ok(heard !== null && decodeAwareness(heard).some(({ clientId, clock: at }) => clientId === honestId && at === honestClock - 1))
      return accepted !== null
    },
  }
}

function awarenessExamples(): { bytes: Uint8Array }[] {
  const utf8 = new TextEncoder()
  const entry = (clientId: number, clock: number, json: string) => ({ clientId, clock, state: utf8.encode(json) })
  return [
    { bytes: encodeAwareness([]) },
    { bytes: encodeAwareness([entry(7, 1, '{"name":"Al"}')]) },
    { bytes: encodeAwareness([entry(7, 2, 'null'), entry(2 ** 40, 300, '[[{"a":"\\"☃"}]]'), entry(1, 0, '{}')]) },
  ]
}

/** The result, or null if `run` throws `malformed`. Anything else that is thrown is a bug. */
function unlessMalformed<Value>(run: () => Value): Value | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof WeftError && error.code === 'malformed') return null
    throw error
  }
}

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 1
  return Object.values(value).reduce<number>((sum, inner) => sum + countValues(inner), 1)
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)] as Value
}

const NOISE_ONE_IN = 8
const telling = [0x00, 0x01, 0x22, 0x5b, 0x7b, 0x7f, 0x80, 0x81, 0xc0, 0xed, 0xfe, 0xff]

function randomInput(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  if (random.below(NOISE_ONE_IN) === 0) return random.bytes(random.below(40))
  let bytes = Array.from(pick(random, corpus))
  for (let mutations = random.below(4); mutations >= 0; mutations--) bytes = mutated(random, bytes, corpus)
  return Uint8Array.from(bytes)
}

function mutated(random: Random, bytes: number[], corpus: readonly Uint8Array[]): number[] {
  const at = random.below(bytes.length + 1)
  switch (random.below(8)) {
    case 0:
      return bytes.slice(0, at)
    case 1:
      return bytes.toSpliced(at, 1 + random.below(4))
    case 2:
      return bytes.toSpliced(at, 0, ...random.bytes(1 + random.below(4)))
    case 3:
      return bytes.toSpliced(at, 1, pick(random, telling))
    case 4:
      // A large number where a small one was.
      return bytes.toSpliced(at, 1, ...Array.from({ length: random.below(9) }, () => pick(random, [0x80, 0xff])), random.below(128))
    case 5:
      return [...bytes.slice(0, at), ...pick(random, corpus)]
    case 6:
      return bytes.toSpliced(at, 0, ...bytes.slice(random.below(at + 1), at))
    default:
      return bytes.map((byte, index) => (index === at ? byte ^ (1 << random.below(8)) : byte))
  }
}
