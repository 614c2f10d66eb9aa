// The key of the operator, from the settings: it may do everything, and is there before any API key is.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Authenticator, Identity } from './identity.js'
import { Rights } from './rights.js'

const everything = new Rights({ '**': 'admin' })

export class AdminKey implements Authenticator {
  readonly #hash: Buffer

  constructor(key: string) {
    this.#hash = hashOf(key)
  }

  async authenticate(token: string): Promise<Identity | null> {
    if (token === '' || !timingSafeEqual(this.#hash, hashOf(token))) return null
    return {
      user: 'admin',
      name: null,
      rights: everything,
      cursor: true,
      issuedAt: Number.MAX_SAFE_INTEGER,
      expiresAt: null,
      tokenId: null,
    }
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
