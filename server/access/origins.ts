// Which pages may connect: those of the server's own host, and those that were allowed. A browser says in Origin and Sec-Fetch-Site whose
// page it is, and no page can say otherwise.
import { WeftError } from '../../core/errors.js'
import type { Visit } from './visit.js'

/**
 * Such as `https://app.example.com`, `https://*.example.com` for its subdomains, or `null` for pages out of files. Throws
 * `invalid-configuration`.
 */
export function originsOf(patterns: readonly string[], name: string): (origin: string) => boolean {
  const tests = patterns.map((pattern) => {
    const [, scheme, wildcard, rest] = /^([a-z][\w+.-]*:\/\/)(\*\.)?([^/*?#@\s]+)$/i.exec(pattern) ?? []
    if (pattern !== 'null' && scheme === undefined)
      throw new WeftError(
        'invalid-configuration',
        `${name} holds "${pattern}"; it takes origins such as https://app.example.com, https://*.example.com, or null.`,
      )
    if (wildcard === undefined) return (origin: string) => origin.toLowerCase() === pattern.toLowerCase()
    const [start, end] = [`${scheme}`.toLowerCase(), `.${rest}`.toLowerCase()]
    return (origin: string) => origin.toLowerCase().startsWith(start) && origin.toLowerCase().endsWith(end)
  })
  return (origin) => tests.some((test) => test(origin))
}

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i

/** Whether a Host header, or the host of an address, names this machine. */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK_HOST.test(host)
}

/** Whether the page that the request comes from is served under the same host. Null: it comes from no page, or nobody says. */
export function isSameHost({ origin, headers }: Pick<Visit, 'origin' | 'headers'>): boolean | null {
  if (origin === null) return headers['sec-fetch-site'] === 'cross-site' ? false : null
  return URL.canParse(origin) && new URL(origin).host === headers.host?.toLowerCase()
}

export function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).host)
}
