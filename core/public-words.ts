// What strangers may read about a server that cannot serve: plain words for people. Hosts, settings and causes are for the log.
import type { WeftError } from './errors.js'

export const openingStore = 'opening the store'
export const waitingForDatabase = 'waiting for the database'
export const joiningCluster = 'joining the cluster'
export const lookingForItself = 'looking whether the address that the other nodes are told leads to this node'

/** Why a server gave up. */
export function failureInWords({ code }: WeftError): string {
  return `failed: ${reasonOf(code)}; the log says more`
}

function reasonOf(code: WeftError['code']): string {
  switch (code) {
    case 'invalid-configuration':
      return 'a setting has to change'
    case 'store-failed':
    case 'store-refused':
    case 'store-full':
    case 'store-unavailable':
      return 'the store takes no edits any more'
    default:
      return 'something went wrong'
  }
}
