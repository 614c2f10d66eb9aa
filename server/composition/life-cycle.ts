// Brings the parts of something up one after the other, and takes them down in the other order, each step in bounded time.
import { type Clock, settlesWithin } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { unlessCancelled } from './cancellation.js'

export interface Component {
  /** As the log names it, such as `the gateway`. */
  readonly name: string
  /**
   * Comes up. `cancelled` ends whatever it waits for; nobody waits for it any longer then. Where this fails or is cancelled, `stop` is
   * called all the same, also while it still runs.
   */
  start?(cancelled: AbortSignal): unknown
  /** Takes nothing new, and finishes what runs. What is spread over time is to be through at `deadlineMs` of the monotonic clock. */
  drain?(deadlineMs: number): unknown
  /** Lets go of everything. */
  stop?(): unknown
}

/** How long the others wait for one component to stop, or to be drained once its deadline has passed. */
const STEP_MS_MAX = 30_000

export class LifeCycle {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #cancel = new AbortController()
  /** What is up or comes up, in this order. */
  readonly #started: Component[] = []
  /** What comes up, last among them. */
  #starting: Component | null = null
  #drained: Promise<void> | null = null
  #stopped: Promise<void> | null = null

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /**
   * Starts each component once those before it are up; a generator can make it from them, and what the generator returns is the answer. If
   * one fails, all are stopped before this rejects with what it said; the same when `cancelled` is aborted, or all of it is drained or
   * stopped, in the middle: this rejects with `draining` then.
   */
  async start<Made>(components: Iterable<Component, Made>, cancelled?: AbortSignal): Promise<Made> {
    const cancel = (): void => this.#cancel.abort()
    if (cancelled?.aborted === true) cancel()
    cancelled?.addEventListener('abort', cancel)
    const { signal } = this.#cancel
    try {
      const made = components[Symbol.iterator]()
      let next = made.next()
      while (next.done !== true) {
        await unlessCancelled(signal, this.#startOne(next.value, signal))
        next = made.next()
      }
      return next.value
    } catch (thrown) {
      // What fails while it is taken down is in the log; whoever waits hears of what ended the start.
      await this.stop().catch(() => {})
      throw thrown
    } finally {
      cancelled?.removeEventListener('abort', cancel)
    }
  }

  /**
   * Drains what is up, the last first, each with a window of its own. What still comes up is cancelled. Rejects as `stop` does. Idempotent.
   */
  drain(windowMs: number): Promise<void> {
    this.#cancel.abort()
    this.#drained ??= this.#eachFromTheLast('drain', (component) => component.drain?.(this.#clock.monotonic() + windowMs), windowMs)
    return this.#drained
  }

  /**
   * Stops what has started, the last first, after a drain that runs. What still comes up is cancelled. A step that fails, or takes too
   * long, is in the log, and the next one is taken; rejects with the first failure in the end. Idempotent.
   */
  stop(): Promise<void> {
    this.#cancel.abort()
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  /** Drains, then stops, whatever failed; rejects with the first failure. Idempotent. */
  end(windowMs: number): Promise<void> {
    return inOrder([() => this.drain(windowMs), () => this.stop()])
  }

  async #startOne(component: Component, cancelled: AbortSignal): Promise<void> {
    if (cancelled.aborted) return
    this.#started.push(component)
    this.#starting = component
    await component.start?.(cancelled)
    this.#starting = null
  }

  async #stopAll(): Promise<void> {
    if (this.#drained !== null) await this.#drained.catch(() => {})
    await this.#eachFromTheLast('stop', (component) => component.stop?.(), 0)
  }

  async #eachFromTheLast(what: 'drain' | 'stop', run: (component: Component) => unknown, windowMs: number): Promise<void> {
    const msMax = windowMs + STEP_MS_MAX
    const steps = this.#started.filter((component) => component[what] !== undefined).reverse()
    if (what === 'drain' && steps[0] === this.#starting) steps.shift()
    await inOrder(
      steps.map((component) => async () => {
        try {
          const running = Promise.resolve(run(component))
          if (!(await settlesWithin(this.#clock, msMax, running)))
            throw new WeftError('internal', `It took more than ${msMax} ms to ${what} ${component.name}; the others go on without it.`)
          await running
        } catch (thrown) {
          this.#logger.error({ err: thrown, component: component.name }, 'a step of stopping failed')
          throw thrown
        }
      }),
    )
  }
}

/** A component that is what `open` comes to. What comes after it was stopped is closed at once. */
export class Opened<Value> implements Component {
  readonly name: string
  readonly #open: (cancelled: AbortSignal) => Promise<Value>
  readonly #close: (value: Value) => Promise<void>
  #state: { readonly kind: 'opening' } | { readonly kind: 'open'; readonly value: Value } | { readonly kind: 'closed' } = {
    kind: 'opening',
  }

  constructor(name: string, open: (cancelled: AbortSignal) => Promise<Value>, close: (value: Value) => Promise<void>) {
    this.name = name
    this.#open = open
    this.#close = close
  }

  /** Throws before it is open, and afterwards. */
  get value(): Value {
    if (this.#state.kind !== 'open') throw new Error(`${this.name}: ${this.#state.kind}`)
    return this.#state.value
  }

  async start(cancelled: AbortSignal): Promise<void> {
    const value = await this.#open(cancelled)
    if (this.#state.kind === 'closed') await this.#close(value)
    else this.#state = { kind: 'open', value }
  }

  async stop(): Promise<void> {
    const before = this.#state
    this.#state = { kind: 'closed' }
    if (before.kind === 'open') await this.#close(before.value)
  }
}

/** Takes each step even if the one before it failed; rejects with the first failure. */
export async function inOrder(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (thrown) {
      failures.push(thrown)
    }
  }
  if (failures.length > 0) throw failures[0]
}
