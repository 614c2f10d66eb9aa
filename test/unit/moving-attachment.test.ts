// A session's attachment that follows the owner around, against owners that a test plays by hand, on a clock that it moves.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { sleep } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { WeftError, type WeftErrorCode } from '../../core/errors.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import { MovingAttachment } from '../../server/cluster/moving-attachment.js'
import type { Attachment, AttachRequest, DocumentDirectory, Known, SessionSink } from '../../server/document/port.js'
import { ProcessPressure } from '../../server/document/view/back-pressure.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { editOf, TestSession } from '../helpers/owner-bench.js'

const ATTACH_MS_MAX = 10_000
const MOVE_MS_MAX = 30_000

/** One attachment to one owner, played by the test. */
class PlayedAttachment implements Attachment {
  readonly documentId = 'd'
  readonly sink: SessionSink
  readonly incarnation: string
  readonly seq: number
  readonly calls: string[] = []
  readonly syncs: Known[] = []
  /** What `sync` is answered with, at once; null for no answer. */
  answer: { seq: number; updates: readonly Uint8Array[] } | null
  readonly #stateVector: Uint8Array

  constructor(
    sink: SessionSink,
    options: { incarnation?: string; seq?: number; answer?: PlayedAttachment['answer']; stateVector?: Uint8Array } = {},
  ) {
    this.#stateVector = options.stateVector ?? Uint8Array.of(0)
    this.sink = sink
    this.incarnation = options.incarnation ?? 'the first'
    this.seq = options.seq ?? 0
    this.answer = options.answer ?? null
  }

  stateVector(): Uint8Array {
    return this.#stateVector
  }

  sync(known: Known): void {
    this.calls.push(known.kind === 'seq' ? `sync seq ${known.seq}` : `sync ${known.kind}`)
    this.syncs.push(known)
    if (this.answer !== null) this.sink.catchUp(this.answer)
  }

  suspend(): void {
    this.calls.push('suspend')
  }

  submit(submission: number, _bytes: Uint8Array, user: string | null): void {
    this.calls.push(`submit ${submission}`)
    this.users.push(user)
    this.onSubmit()
  }

  onSubmit: () => void = () => {}

  /** Of each submission. */
  readonly users: (string | null)[] = []

  detach(): void {
    this.calls.push('detach')
  }

  end(code: WeftErrorCode): void {
    this.sink.detached(new WeftError(code, code))
  }
}

type Owner = (request: AttachRequest) => PlayedAttachment | WeftErrorCode

class Stage {
  readonly clock = new ManualClock()
  readonly counters = new Counters()
  readonly held: ProcessPressure
  readonly inner: PlayedAttachment[] = []
  readonly limits: Limits
  tries = 0
  ended = 0
  moving: MovingAttachment | null = null
  /** Answers the next tries. */
  owner: Owner = ({ sink }) => new PlayedAttachment(sink)

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, ...limits }
    this.held = new ProcessPressure(this.limits.pendingBytesMax, new MemoryBudget(this.limits.memoryBytesMax), () =>
      this.moving?.updatePause(),
    )
  }

  readonly directory: DocumentDirectory = {
    attach: async (documentId, request) => {
      const moving = new MovingAttachment({
        documentId,
        request,
        clock: this.clock,
        random: seededRandom(1),
        logger: silentLogger,
        counters: this.counters,
        limits: this.limits,
        held: this.held,
        attachOnce: async (inner) => {
          this.tries += 1
          const attached = this.owner(inner)
          if (typeof attached === 'string') throw new WeftError(attached, attached)
          this.inner.push(attached)
          return attached
        },
        pause: (delayMs) => sleep(this.clock, delayMs),
        attachMsMax: ATTACH_MS_MAX,
        moveMsMax: MOVE_MS_MAX,
        ended: () => {
          this.ended += 1
        },
      })
      this.moving = moving
      await moving.start()
      return moving
    },
  }

  get last(): PlayedAttachment {
    const last = this.inner.at(-1)
    assert.ok(last !== undefined)
    return last
  }

  async join(): Promise<TestSession> {
    const session = new TestSession()
    await session.attach(this.directory, 'd')
    return session
  }

  /** A session that is live and has everything through `seq`. */
  async live(seq = 1): Promise<TestSession> {
    this.owner = ({ sink }) => new PlayedAttachment(sink, { seq, answer: { seq, updates: [editOf('base ', 1)] } })
    const session = await this.join()
    session.sync()
    this.owner = () => 'owner-moved'
    return session
  }

  /** From now on there is an owner that answers `sync` with this. */
  moveTo(seq: number, updates: readonly Uint8Array[] = [], incarnation = 'the first'): void {
    this.owner = ({ sink }) => new PlayedAttachment(sink, { seq, incarnation, answer: { seq, updates } })
  }
}

test('O5, S6: after a move the session goes on after its last seq; what it missed comes as beats', async () => {
  const stage = new Stage()
  const session = await stage.live(3)
  stage.last.end('owner-moved')
  await stage.clock.advanceAsync(300)
  assert.equal(session.detachedBy, null)
  stage.moveTo(6, [editOf('four ', 2), editOf('five six ', 3)])
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.calls, ['sync seq 3'])
  assert.deepEqual(session.events, ['catch-up 3', 'beat 3', 'beat 6'])
  assert.ok(session.text.includes('four ') && session.text.includes('five six '))
  stage.last.sink.beat({ seq: 7, update: editOf('seven', 4), frames: new Map() })
  assert.equal(session.seq, 7)
})

test('O5, D1: submissions without an answer are submitted again in order, and acknowledged once the new owner says so', async () => {
  const stage = new Stage()
  const session = await stage.live()
  for (const clientId of [11, 12, 13]) session.submit(editOf('x', clientId))
  stage.last.sink.acknowledged(1, 2)
  stage.last.end('owner-moved')
  session.submit(editOf('y', 14))
  stage.moveTo(2)
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.calls, ['sync seq 1', 'submit 2', 'submit 3', 'submit 4'])
  assert.equal(session.acknowledgedThrough, 1)
  stage.last.sink.refused(3, new WeftError('document-too-large', 'no'))
  stage.last.sink.acknowledged(4, 5)
  assert.equal(session.acknowledgedThrough, 4)
  stage.last.end('owner-moved')
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.calls, ['sync seq 2'])
})

test('S6: a suspended session stays suspended over a move, and what it asked before is asked again', async () => {
  const stage = new Stage()
  const suspended = await stage.live(3)
  suspended.attachment.suspend()
  stage.last.end('owner-moved')
  stage.moveTo(5, [editOf('more', 2)])
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.calls, [])
  assert.deepEqual(suspended.events, ['catch-up 3'])
  suspended.sync(suspended.knownBySeq())
  assert.deepEqual(suspended.events, ['catch-up 3', 'catch-up 5'])

  const asking = new Stage()
  const session = await asking.join()
  session.sync({ kind: 'state-vector', stateVector: Uint8Array.of(0) })
  asking.moveTo(5, [editOf('all', 2)])
  asking.last.end('owner-moved')
  await asking.clock.advanceAsync(1_000)
  assert.deepEqual(asking.last.calls, ['sync state-vector'])
  assert.deepEqual(session.events, ['catch-up 5'])
})

test('S6: a session that asks while there is no owner is answered by the next one, as a catch-up', async () => {
  const stage = new Stage()
  const session = await stage.live(3)
  stage.last.end('owner-moved')
  session.attachment.suspend()
  session.sync(session.knownBySeq())
  stage.moveTo(4, [editOf('more', 2)])
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(session.events, ['catch-up 3', 'catch-up 4'])
})

test('G2: a session that cannot take all it missed asks again from what it got', async () => {
  const stage = new Stage()
  const session = await stage.live(3)
  const beat = session.beat.bind(session)
  session.beat = (one) => {
    beat(one)
    session.attachment.suspend()
  }
  stage.last.end('owner-moved')
  stage.moveTo(6, [editOf('four', 2), editOf('five', 3), editOf('six', 4)])
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(session.events, ['catch-up 3', 'beat 3'])
  assert.equal(session.seq, 3)
})

test('O5: an owner that is lost while a session attaches to it counts as a failed try', async () => {
  const stage = new Stage()
  const session = await stage.live()
  stage.last.end('owner-moved')
  stage.owner = ({ sink }) => {
    const attachment = new PlayedAttachment(sink)
    attachment.end('owner-moved')
    return attachment
  }
  await stage.clock.advanceAsync(50)
  const before = stage.tries
  assert.ok(before > 0)
  stage.moveTo(1)
  await stage.clock.advanceAsync(1_000)
  assert.ok(stage.tries > before)
  assert.equal(session.detachedBy, null)
  assert.deepEqual(stage.last.calls, ['sync seq 1'])
})

test('O5: what an owner says after it was left is not heard', async () => {
  const stage = new Stage()
  const session = await stage.live()
  const old = stage.last
  session.submit(editOf('x', 11))
  old.end('owner-moved')
  stage.moveTo(1)
  await stage.clock.advanceAsync(1_000)
  old.sink.acknowledged(1, 9)
  old.sink.beat({ seq: 9, update: editOf('stale', 5), frames: new Map() })
  old.end('internal')
  assert.equal(session.acknowledgedThrough, -1)
  assert.equal(session.detachedBy, null)
  assert.ok(!session.text.includes('stale'))
})

test('G5: other errors than a move end the session with their reason', async () => {
  for (const code of ['document-quarantined', 'malformed', 'draining', 'internal'] as const) {
    const stage = new Stage()
    const session = await stage.live()
    stage.last.end(code)
    assert.equal(session.detachedBy?.code, code)
    assert.equal(stage.ended, 1)
  }
})

test('O5: a store that is away for a while is waited for after a move, but not at the first attach', async () => {
  const stage = new Stage()
  const session = await stage.live()
  stage.last.end('store-unavailable')
  stage.owner = () => 'store-unavailable'
  await stage.clock.advanceAsync(5_000)
  stage.moveTo(1)
  await stage.clock.advanceAsync(1_000)
  assert.equal(session.detachedBy, null)
  assert.deepEqual(stage.last.calls, ['sync seq 1'])

  const first = new Stage()
  first.owner = () => 'store-unavailable'
  await assert.rejects(first.join(), /store-unavailable/)
  assert.equal(first.tries, 1)
})

test('O5: a session without an owner for too long ends with an error that says to try again, and leaves no timer', async () => {
  const stage = new Stage()
  const session = await stage.live()
  stage.last.end('owner-moved')
  await stage.clock.advanceAsync(MOVE_MS_MAX - 1_000)
  assert.equal(session.detachedBy, null)
  await stage.clock.advanceAsync(2_000)
  assert.equal((session.detachedBy as WeftError | null)?.retryable, true)
  assert.equal(stage.clock.timerCount, 0)
  assert.equal(stage.ended, 1)
})

test('O5: a first attach without an owner fails after a while, and leaves no timer', async () => {
  const stage = new Stage()
  stage.owner = () => 'owner-moved'
  const joining = stage.join()
  joining.catch(() => {})
  await stage.clock.advanceAsync(ATTACH_MS_MAX + 1_000)
  await assert.rejects(joining, (error) => error instanceof WeftError && error.retryable)
  assert.equal(stage.clock.timerCount, 0)
})

test('D4: a document that has another incarnation after the move ends the session, with an error that says to try again', async () => {
  const stage = new Stage()
  const session = await stage.live(3)
  stage.last.end('owner-moved')
  stage.moveTo(1, [], 'the second')
  await stage.clock.advanceAsync(1_000)
  assert.equal(session.detachedBy?.retryable, true)
  assert.deepEqual(stage.last.calls, ['detach'])
})

test('O5: a document that nobody has written yet may have another incarnation after the move', async () => {
  const stage = new Stage()
  stage.owner = ({ sink }) => new PlayedAttachment(sink, { answer: { seq: 0, updates: [] } })
  const session = await stage.join()
  session.sync()
  session.submit(editOf('x', 11))
  stage.moveTo(1, [editOf('other', 12)], 'the second')
  stage.last.end('owner-moved')
  await stage.clock.advanceAsync(1_000)
  assert.equal(session.detachedBy, null)
  assert.deepEqual(stage.last.syncs[0], { kind: 'seq', incarnation: 'the second', seq: 0, stateVector: Uint8Array.of(0) })
  assert.deepEqual(stage.last.calls, ['sync seq 0', 'submit 1'])
  assert.equal(session.text, 'other')
})

test('G1 (attachingBytesMax): a writer without an owner is paused once enough is kept for it, and goes on with the next owner', async () => {
  const stage = new Stage({ attachingBytesMax: 10_000 })
  const session = await stage.live()
  stage.last.end('owner-moved')
  session.submit(new Uint8Array(5_000))
  assert.ok(!session.paused)
  session.submit(new Uint8Array(5_000))
  assert.ok(session.paused)
  stage.moveTo(1)
  await stage.clock.advanceAsync(1_000)
  assert.ok(!session.paused)
  assert.equal(stage.held.bytes, 0)
})

test('G1 (pendingBytesMax): writers without an owner are paused when the node keeps enough for all of them', async () => {
  const stage = new Stage({ pendingBytesMax: 10_000 })
  const session = await stage.live()
  stage.last.end('owner-moved')
  stage.held.add(10_000)
  assert.ok(session.paused)
  stage.held.add(-6_000)
  assert.ok(!session.paused)
})

test('G1: the owner’s pause and resume reach the session, and a move ends the pause', async () => {
  const stage = new Stage()
  const session = await stage.live()
  stage.last.sink.pause()
  assert.ok(session.paused)
  stage.last.sink.resume()
  assert.ok(!session.paused)
  stage.last.sink.pause()
  stage.last.end('owner-moved')
  assert.ok(!session.paused)
  stage.owner = ({ sink }) => {
    sink.pause()
    return new PlayedAttachment(sink, { answer: { seq: 1, updates: [] } })
  }
  await stage.clock.advanceAsync(1_000)
  assert.ok(session.paused)
})

test('G1: an owner that asks to wait while it is brought what was kept gets the rest when it goes on, and nothing is counted then', async () => {
  const stage = new Stage({ attachingBytesMax: 10_000 })
  const session = await stage.live()
  stage.last.end('owner-moved')
  for (let count = 0; count < 5; count++) session.submit(new Uint8Array(4_000))
  let room = 2
  stage.owner = ({ sink }) => {
    const attachment = new PlayedAttachment(sink, { answer: { seq: 1, updates: [] } })
    attachment.onSubmit = () => {
      if (--room === 0) sink.pause()
    }
    return attachment
  }
  await stage.clock.advanceAsync(1_000)
  const submitted = (): string[] => stage.last.calls.filter((call) => call.startsWith('submit'))
  assert.deepEqual(submitted(), ['submit 1', 'submit 2'])
  assert.ok(session.paused)
  assert.ok(stage.held.bytes > 10_000)
  // What its socket had read before it was paused.
  session.submit(new Uint8Array(4_000))
  assert.deepEqual(submitted(), ['submit 1', 'submit 2'])
  room = 3
  stage.last.sink.acknowledged(2, 2)
  stage.last.sink.resume()
  assert.deepEqual(submitted().slice(2), ['submit 3', 'submit 4', 'submit 5'])
  assert.ok(session.paused)
  session.detach()
  stage.last.sink.resume()
  assert.deepEqual(submitted().slice(5), ['submit 6'])
  assert.equal(stage.held.bytes, 0)
  stage.last.sink.acknowledged(6, 3)
  assert.equal(stage.ended, 1)
})

test('D3: what a session submitted before it left is still brought to the next owner', async () => {
  const stage = new Stage()
  const session = await stage.live()
  stage.last.end('owner-moved')
  session.submit(editOf('x', 11))
  session.detach()
  stage.moveTo(1)
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.calls, ['submit 1'])
  assert.equal(stage.ended, 0)
  stage.last.sink.acknowledged(1, 2)
  assert.deepEqual(stage.last.calls, ['submit 1', 'detach'])
  assert.equal(stage.ended, 1)
  assert.equal(session.acknowledgedThrough, -1)
})

test('S6: seeded: whatever moves between, a session ends up with every beat and has all its submissions acknowledged', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const stage = new Stage()
    const clock = stage.clock
    // The truth: what was committed, and what each submission made of it.
    const log: Uint8Array[] = []
    const seen = new Set<string>()
    const attachOwner: Owner = ({ sink }) => {
      const attachment = new PlayedAttachment(sink, { seq: log.length })
      attachment.sync = (known) => {
        const from = known.kind === 'seq' ? known.seq : 0
        sink.catchUp({ seq: log.length, updates: log.slice(from) })
      }
      attachment.submit = (submission: number, bytes?: Uint8Array) => {
        assert.ok(bytes !== undefined)
        const fate = random.below(4)
        if (fate === 0) return
        const key = Buffer.from(bytes).toString('hex')
        if (!seen.has(key)) {
          seen.add(key)
          log.push(bytes)
          sink.beat({ seq: log.length, update: bytes, frames: new Map() })
        }
        // Committed, and the owner is lost before it says so.
        if (fate === 1) return
        if (submission === expected + 1) {
          expected = submission
          sink.acknowledged(submission, log.length)
        }
      }
      let expected = session?.acknowledgedThrough ?? 0
      expected = Math.max(0, expected)
      return attachment
    }
    let session: TestSession | undefined
    stage.owner = attachOwner
    session = await stage.join()
    session.sync()
    for (let step = 0; step < 60; step++) {
      const action = random.below(5)
      if (action <= 1) session.type(`${step} `)
      else if (action === 2) stage.last.end('owner-moved')
      else if (action === 3) stage.owner = random.below(3) === 0 ? () => 'owner-moved' : attachOwner
      else await clock.advanceAsync(random.below(200))
    }
    stage.owner = attachOwner
    for (let round = 0; session.acknowledgedThrough < session.submissions && session.submissions > 0; round++) {
      assert.ok(round < 200, `seed ${seed}: never acknowledged`)
      stage.last.end('owner-moved')
      await clock.advanceAsync(1_000)
    }
    await clock.advanceAsync(1_000)
    const replay = new Y.Doc()
    for (const update of log) Y.applyUpdate(replay, update)
    assert.equal(session.text, replay.getText('text').toString(), `seed ${seed}`)
    assert.equal(session.detachedBy, null, `seed ${seed}`)
  }
})

test('H5: who wrote an edit goes along with it to the next owner, also if the session is somebody else by then', async () => {
  const stage = new Stage()
  const session = await stage.live()
  session.user = 'ann'
  session.submit(editOf('x', 11))
  session.user = 'ben'
  session.submit(editOf('y', 12))
  assert.deepEqual(stage.last.users, ['ann', 'ben'])
  stage.last.end('owner-moved')
  session.user = null
  session.submit(editOf('z', 13))
  stage.moveTo(2)
  await stage.clock.advanceAsync(1_000)
  assert.deepEqual(stage.last.users, ['ann', 'ben', null])
})
