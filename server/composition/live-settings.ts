// The settings that a running server goes by. Those that may change while it runs are changed in place, for everybody who was given them:
// what is asked for each time changes at once, what a connection, a session or a document took over when it began changes with the next
// one.
import type { Clock } from '../../core/clock.js'
import type { Limits } from '../../core/limits.js'
import { type TrustedProxies, trustedProxiesOf } from '../access/addresses.js'
import { originsOf } from '../access/origins.js'
import { settingsUnder, tuningIn } from '../config/program-options.js'
import { type SettingChanges, settingChanges } from '../config/reload.js'
import type { Settings } from '../config/settings.js'
import type { DocumentTuning } from '../document/tuning.js'
import { Webhook } from '../webhooks/webhook.js'
import { webhookEventsOf } from '../webhooks/webhook-events.js'
import type { AskedWebhooks } from '../webhooks/webhook-feeds.js'

export class LiveSettings {
  /** Of these, whoever holds them sees what they are now. */
  readonly limits: Limits
  readonly tuning: DocumentTuning
  readonly trustedProxies: TrustedProxies = (address, hops) => this.#trusts(address, hops)
  readonly #clock: Clock
  #settings: Settings
  #trusts: TrustedProxies
  #allowedOrigin: ((origin: string) => boolean) | null
  #webhooks: AskedWebhooks

  /** `tuning`: what the program says beside the settings. Throws `invalid-configuration`. */
  constructor(settings: Settings, tuning: DocumentTuning, clock: Clock) {
    this.#clock = clock
    this.#settings = settings
    this.limits = { ...settingsUnder(settings, 'limits') }
    this.tuning = { ...tuning, ...tuningIn(settings) }
    this.#trusts = trustedProxiesOf(settings.trustedProxies, 'trustedProxies')
    this.#allowedOrigin = allowedOriginIn(settings)
    this.#webhooks = webhooksIn(settings, clock)
  }

  get current(): Settings {
    return this.#settings
  }

  /** Whether pages of that origin may connect. Null: pages from anywhere may, if what they show is good. */
  get allowedOrigin(): ((origin: string) => boolean) | null {
    return this.#allowedOrigin
  }

  get webhooks(): AskedWebhooks {
    return this.#webhooks
  }

  /**
   * Takes over what of `next` may change while the server runs. `checkWebhooks` throws for what the node cannot have. Throws
   * `invalid-configuration`; nothing has changed then.
   */
  change(next: Settings, checkWebhooks: (asked: AskedWebhooks) => void): SettingChanges {
    const changes = settingChanges(this.#settings, next)
    const { settings } = changes
    const trusts = trustedProxiesOf(settings.trustedProxies, 'trustedProxies')
    const allowedOrigin = allowedOriginIn(settings)
    const webhooks = webhooksIn(settings, this.#clock)
    checkWebhooks(webhooks)
    // Nothing fails from here on.
    this.#webhooks = webhooks
    this.#settings = settings
    this.#trusts = trusts
    this.#allowedOrigin = allowedOrigin
    Object.assign(this.limits, settingsUnder(settings, 'limits'))
    Object.assign(this.tuning, tuningIn(settings))
    return changes
  }
}

function allowedOriginIn(settings: Settings): ((origin: string) => boolean) | null {
  const origins = settings['access.allowedOrigins']
  return origins.length === 0 ? null : originsOf(origins, 'allowedOrigins')
}

function webhooksIn(settings: Settings, clock: Clock): AskedWebhooks {
  const { urls, secret, events, quietMs, waitMsMax, attemptsMax } = settingsUnder(settings, 'webhooks')
  const told = new Set(webhookEventsOf(events, 'webhooks.events'))
  const webhooks = secret === null ? [] : urls.map((url) => new Webhook({ url, secret, clock, events: told }))
  return { webhooks, quietMs, waitMsMax, attemptsMax }
}
