// How much each client address has of this server: its connections, and the documents open over them, so that none can take all there is.
// An address on this machine has no bound: a proxy that nobody said to trust speaks for everybody.
import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import proxyAddr from 'proxy-addr'
import { WeftError } from '../../core/errors.js'

/** Whether an address, of a proxy, is believed about whom it speaks for. */
export type TrustedProxies = (address: string, hops: number) => boolean

/**
 * `proxies` are addresses, networks as `10.0.0.0/8`, or the names `loopback`, `linklocal` and `uniquelocal`. Throws
 * `invalid-configuration`, naming the setting.
 */
export function trustedProxiesOf(proxies: readonly string[], name: string): TrustedProxies {
  try {
    return proxyAddr.compile([...proxies])
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new WeftError(
      'invalid-configuration',
      `${name} is "${proxies.join(',')}"; it takes addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, with commas between them (${reason}).`,
    )
  }
}

const isLoopback = proxyAddr.compile('loopback')

/** Whom a request comes from: an IPv4 address, or the /64 network of an IPv6 one, which one household has. Null for this machine. */
export function clientAddressOf(request: IncomingMessage, trusted: TrustedProxies): string | null {
  const direct = request.socket.remoteAddress
  // A socket that has closed has no address any more.
  if (direct === undefined) return null
  let address = direct
  if (request.headers['x-forwarded-for'] !== undefined)
    try {
      address = proxyAddr(request, trusted)
    } catch {
      // A header that holds no address counts as if it were not there.
    }
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isLoopbackAddress(plain)) return null
  return isIPv6(plain) ? networkOf(plain) : plain
}

function isLoopbackAddress(address: string): boolean {
  // Most have it of a socket of IPv4, and in a storm its parts need not be looked at.
  if (!address.includes(':')) return /^127\.\d+\.\d+\.\d+$/.test(address)
  try {
    return isLoopback(address, 0)
  } catch {
    return false
  }
}

/** The first four groups of an IPv6 address. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const groups = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail)]
  const all = tail === undefined ? before : [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/** What one address has. */
export interface AddressUse {
  connections: number
  sessions: number
}

export class Addresses {
  readonly #uses = new Map<string, AddressUse>()

  connectionsOf(address: string | null): number {
    return address === null ? 0 : (this.#uses.get(address)?.connections ?? 0)
  }

  /** A connection of this address has come. Answers what all of them have; null for an address without bounds. */
  connected(address: string | null): AddressUse | null {
    if (address === null) return null
    const use = this.#uses.get(address) ?? { connections: 0, sessions: 0 }
    this.#uses.set(address, use)
    use.connections += 1
    return use
  }

  /** One of them is gone, with all its sessions. */
  disconnected(address: string | null): void {
    if (address === null) return
    const use = this.#uses.get(address)
    if (use === undefined) return
    use.connections -= 1
    if (use.connections === 0) this.#uses.delete(address)
  }
}
