// What an address can be told of.
import { WeftError } from '../../core/errors.js'

export const webhookEventNames = [
  /** By a cursor into the log. */
  'document.changed',
  'document.missed',
  /** From a queue in the store. */
  'document.idle',
  'document.restored',
  'document.deleted',
  'version.kept',
  'session.opened',
  'session.closed',
] as const

export type WebhookEventName = (typeof webhookEventNames)[number]

/** Those that are read from the log. */
export const loggedEvents: ReadonlySet<WebhookEventName> = new Set<WebhookEventName>(['document.changed', 'document.missed'])

/** Something that happened and that no log tells of. */
export interface Happening {
  readonly type: Exclude<WebhookEventName, 'document.changed' | 'document.missed'>
  readonly data: { readonly documentId: string } & Readonly<Record<string, unknown>>
}

/** Throws `invalid-configuration`; `name` is where the names came from. */
export function webhookEventsOf(names: readonly string[], name: string): readonly WebhookEventName[] {
  return names.map((text) => {
    const found = webhookEventNames.find((one) => one === text)
    if (found === undefined)
      throw new WeftError('invalid-configuration', `${name} holds "${text}"; it takes some of: ${webhookEventNames.join(', ')}.`)
    return found
  })
}
