// Looks again and again whether a WebSocket gets through by now, while a connection goes by something worse.
import type { Clock, Timer } from '../core/clock.js'
import type { Link } from './link.js'

const msMin = 60_000
const msMax = 15 * 60_000

interface ImprovementOptions {
  readonly clock: Clock
  /** After this long it is looked for first. Default: a minute. */
  readonly afterMs: number | null
  /** Opens a link over a WebSocket. `opened`, and then `welcomed` or `lost` follows. */
  open(events: { opened(link: Link): void; welcomed(link: Link): void; lost(): void }): Promise<void>
  /** It was welcomed. */
  found(link: Link): void
}

export class Improvement {
  readonly #options: ImprovementOptions
  #waitMs: number
  #timer: Timer | null = null
  /** The one that is looked at. */
  #link: Link | null = null
  #attempt = 0

  constructor(options: ImprovementOptions) {
    this.#options = options
    this.#waitMs = options.afterMs ?? msMin
  }

  /** Begins to look, after a while. */
  start(): void {
    this.stop()
    this.#later()
  }

  /** Looks no more; what was under way is dropped. */
  stop(): void {
    this.#attempt += 1
    this.#timer?.cancel()
    this.#timer = null
    this.#link?.drop('')
    this.#link = null
  }

  #later(): void {
    this.#timer = this.#options.clock.after(this.#waitMs, () => void this.#look(), { unref: true })
    this.#waitMs = Math.min(msMax, this.#waitMs * 2)
  }

  async #look(): Promise<void> {
    const attempt = ++this.#attempt
    const failed = (): void => {
      if (this.#attempt !== attempt) return
      this.#link = null
      this.#later()
    }
    try {
      await this.#options.open({
        opened: (link) => {
          if (this.#attempt === attempt) this.#link = link
          else link.drop('')
        },
        welcomed: (welcomed) => {
          if (this.#attempt !== attempt) return
          this.#link = null
          this.#waitMs = this.#options.afterMs ?? msMin
          this.#options.found(welcomed)
        },
        lost: failed,
      })
    } catch {
      failed()
    }
  }
}
