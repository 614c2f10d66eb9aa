// Finds connections whose other end is gone (G3): a ping after a period of silence, and a limit on the answer.
import { afterAwake } from '../../core/after-awake.js'
import type { Clock, Timer } from '../../core/clock.js'
import { SharedTimer, type SharedTimerHost } from '../../core/shared-timers.js'

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly pingPeriodMs: number
  readonly pongMsMax: number
  ping(): void
  /** Bytes that wait for the network now, and bytes that it has ever taken. */
  traffic(): Traffic
  /** The other end is gone. Called at most once. */
  silent(): void
}

export interface Traffic {
  readonly waiting: number
  readonly taken: number
}

type HeartbeatState =
  | { readonly kind: 'resting' }
  | { readonly kind: 'pinged'; readonly timer: Timer; readonly traffic: Traffic }
  /** We do not read from the socket ourselves, so that silence says nothing. */
  | { readonly kind: 'suspended' }
  | { readonly kind: 'stopped' }

const RESTING: HeartbeatState = { kind: 'resting' }

export class Heartbeat implements SharedTimerHost {
  readonly #options: HeartbeatOptions
  #state: HeartbeatState = RESTING
  /** Runs while it rests. */
  readonly #rest: SharedTimer
  #heardAt: number
  #probes: ((alive: boolean) => void)[] = []

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#heardAt = options.clock.monotonic()
    this.#rest = new SharedTimer(options.clock, this)
    this.#rest.set(options.pingPeriodMs)
  }

  /** Anything at all arrived: the other end is there. Cheap, since it runs for every message. */
  heard(): void {
    this.#heardAt = this.#options.clock.monotonic()
    if (this.#state.kind === 'pinged') {
      this.#state.timer.cancel()
      this.#state = RESTING
      this.#rest.set(this.#options.pingPeriodMs)
    }
    if (this.#probes.length > 0) this.#settleProbes(true)
  }

  /** Asks the other end now. True once anything arrives from it, false after `pongMsMax` or when the connection ends. */
  probe(): Promise<boolean> {
    switch (this.#state.kind) {
      case 'stopped':
        return Promise.resolve(false)
      case 'suspended':
        return Promise.resolve(true)
      case 'resting':
        this.#rest.cancel()
        this.#ping()
        break
      case 'pinged':
        break
    }
    return new Promise((resolve) => this.#probes.push(resolve))
  }

  suspend(): void {
    if (this.#state.kind === 'stopped') return
    this.#cancelTimer()
    this.#state = { kind: 'suspended' }
    this.#settleProbes(true)
  }

  resume(): void {
    if (this.#state.kind !== 'suspended') return
    this.#heardAt = this.#options.clock.monotonic()
    this.#state = RESTING
    this.#rest.set(this.#options.pingPeriodMs)
  }

  stop(): void {
    this.#cancelTimer()
    this.#state = { kind: 'stopped' }
    this.#settleProbes(false)
  }

  /** It has rested; for its timer. */
  due(): void {
    const { clock, pingPeriodMs } = this.#options
    const quietMs = clock.monotonic() - this.#heardAt
    if (quietMs < pingPeriodMs) this.#rest.set(pingPeriodMs - quietMs)
    else this.#ping()
  }

  #ping(): void {
    const { clock, pongMsMax } = this.#options
    this.#state = {
      kind: 'pinged',
      timer: afterAwake(clock, pongMsMax, () => this.#pongDue()),
      traffic: this.#options.traffic(),
    }
    this.#options.ping()
  }

  #pongDue(): void {
    if (this.#state.kind !== 'pinged') return
    const { traffic } = this.#state
    // The ping waits behind data that a slow reader is still taking: that reader is there.
    const now = this.#options.traffic()
    if (traffic.waiting > 0 && now.waiting > 0 && now.taken > traffic.taken) {
      this.#ping()
      return
    }
    this.stop()
    this.#options.silent()
  }

  #cancelTimer(): void {
    this.#rest.cancel()
    if (this.#state.kind === 'pinged') this.#state.timer.cancel()
  }

  #settleProbes(alive: boolean): void {
    const probes = this.#probes
    this.#probes = []
    for (const settle of probes) settle(alive)
  }
}
