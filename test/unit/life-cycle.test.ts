// Components come up in order and go in the other order, each in bounded time, and a start that does not come to its end leaves nothing behind.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import type { Logger } from '../../core/log.js'
import { silentLogger } from '../../core/log.js'
import { type Component, LifeCycle, Opened } from '../../server/composition/life-cycle.js'
import { ManualClock } from '../helpers/manual-clock.js'

interface Played {
  readonly clock: ManualClock
  readonly lifeCycle: LifeCycle
  readonly steps: string[]
  /** Components that the log says failed to stop. */
  readonly failed: unknown[]
  /** A component that notes its steps. */
  readonly part: (name: string, more?: Partial<Component>) => Component
}

function play(): Played {
  const clock = new ManualClock()
  const steps: string[] = []
  const failed: unknown[] = []
  const logger: Logger = { ...silentLogger, error: (fields) => void failed.push(Reflect.get(fields, 'component')) }
  const part = (name: string, more: Partial<Component> = {}): Component => ({
    name,
    start: () => void steps.push(`start ${name}`),
    drain: () => void steps.push(`drain ${name}`),
    stop: () => void steps.push(`stop ${name}`),
    ...more,
  })
  return { clock, lifeCycle: new LifeCycle({ clock, logger }), steps, failed, part }
}

const never = (): Promise<never> => new Promise(() => {})

test('components start in order, are all drained in the other order, and then stopped in it; each window begins with its own step', async () => {
  const { clock, lifeCycle, steps, part } = play()
  const deadlines: number[] = []
  await lifeCycle.start([
    part('a', { drain: (deadlineMs) => void deadlines.push(deadlineMs) }),
    part('b'),
    part('c', {
      drain: async (deadlineMs) => {
        deadlines.push(deadlineMs)
        await new Promise<void>((resolve) => void clock.after(70, resolve))
      },
    }),
  ])
  const began = clock.monotonic()
  const ended = lifeCycle.end(100)
  await clock.advanceAsync(70)
  await ended
  assert.deepEqual(steps, ['start a', 'start b', 'start c', 'drain b', 'stop c', 'stop b', 'stop a'])
  assert.deepEqual(deadlines, [began + 100, began + 170])
  assert.equal(clock.timerCount, 0)
  await lifeCycle.end(100)
  assert.equal(steps.length, 7, 'once only')
})

test('a generator makes components from those that are up, and what it returns is the answer', async () => {
  const { lifeCycle, steps, part } = play()
  const closed: number[] = []
  const number = new Opened(
    'a number',
    async () => 7,
    async (value) => void closed.push(value),
  )
  function* components(): Generator<Component, string> {
    yield number
    yield part(`made of ${number.value}`)
    return `answer ${number.value}`
  }
  assert.equal(await lifeCycle.start(components()), 'answer 7')
  await lifeCycle.stop()
  assert.deepEqual(steps, ['start made of 7', 'stop made of 7'])
  assert.deepEqual(closed, [7])
  assert.throws(() => number.value)
})

test('a failure in the middle: what had started is stopped, what failed too, what comes after never starts', async () => {
  const { clock, lifeCycle, steps, part } = play()
  const fails = (): Promise<void> => Promise.reject(new Error('b is broken'))
  await assert.rejects(lifeCycle.start([part('a'), part('b', { start: fails }), part('c')]), { message: 'b is broken' })
  assert.deepEqual(steps, ['start a', 'stop b', 'stop a'])
  assert.equal(clock.timerCount, 0)
})

test('a component that cannot be made: what had started is stopped', async () => {
  const { lifeCycle, steps, part } = play()
  function* components(): Generator<Component> {
    yield part('a')
    throw new Error('no b can be made')
  }
  await assert.rejects(lifeCycle.start(components()), { message: 'no b can be made' })
  assert.deepEqual(steps, ['start a', 'stop a'])
})

test('cancelled in the middle: nobody waits for what hangs, and all that had started is stopped', async () => {
  const { clock, lifeCycle, steps, part } = play()
  const cancel = new AbortController()
  let told = false
  const hangs = (cancelled: AbortSignal): Promise<never> => {
    cancelled.addEventListener('abort', () => {
      told = true
    })
    return never()
  }
  const starting = lifeCycle.start([part('a'), part('b', { start: hangs }), part('c')], cancel.signal)
  await clock.settle()
  assert.deepEqual(steps, ['start a'])
  cancel.abort()
  await assert.rejects(starting, { code: 'draining' })
  assert.deepEqual(steps, ['start a', 'stop b', 'stop a'])
  assert.ok(told)
  assert.equal(clock.timerCount, 0)
})

test('cancelled before it began, and started again after it ended: nothing starts', async () => {
  const { lifeCycle, steps, part } = play()
  await assert.rejects(lifeCycle.start([part('a')], AbortSignal.abort()), { code: 'draining' })
  await assert.rejects(lifeCycle.start([part('b')]), { code: 'draining' })
  assert.deepEqual(steps, [])
})

test('ended while it starts: what was up is drained and stopped, what comes up is stopped, and the start is told', async () => {
  const { clock, lifeCycle, steps, part } = play()
  const starting = lifeCycle.start([part('a'), part('b', { start: never })])
  await clock.settle()
  await Promise.all([assert.rejects(starting, { code: 'draining' }), lifeCycle.end(0)])
  assert.deepEqual(steps, ['start a', 'drain a', 'stop b', 'stop a'])
})

test('what opens after the start was cancelled is closed all the same', async () => {
  const { clock, lifeCycle } = play()
  const closed: string[] = []
  let open: (value: string) => void = () => {}
  const late = new Opened(
    'a store',
    () => new Promise<string>((resolve) => (open = resolve)),
    async (value) => void closed.push(value),
  )
  const cancel = new AbortController()
  const starting = lifeCycle.start([late], cancel.signal)
  cancel.abort()
  await assert.rejects(starting, { code: 'draining' })
  assert.deepEqual(closed, [])
  open('late')
  await clock.settle()
  assert.deepEqual(closed, ['late'])
})

test('a step that fails, and one that hangs, keep nobody from stopping; the log names them, and the first failure is the answer', async () => {
  const { clock, lifeCycle, steps, failed, part } = play()
  const breaks = (): never => {
    throw new Error('c does not stop')
  }
  await lifeCycle.start([part('a'), part('b', { drain: never, stop: never }), part('c', { stop: breaks })])
  const ended = assert.rejects(lifeCycle.end(1_000), { code: 'internal', message: /31000 ms to drain b/ })
  await clock.advanceAsync(120_000)
  await ended
  assert.deepEqual(steps, ['start a', 'start b', 'start c', 'drain c', 'drain a', 'stop a'])
  assert.deepEqual(failed, ['b', 'c', 'b'])
  assert.equal(clock.timerCount, 0)
})
