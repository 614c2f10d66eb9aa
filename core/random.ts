// Randomness as an injected dependency, so that simulations and tests replay from a seed.
import * as prng from 'lib0/prng'

export interface Random {
  /** A number in [0, 1). */
  fraction(): number
  /** An integer in [0, bound), for 1 ≤ bound ≤ 2^31. */
  below(bound: number): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

/**
 * The platform's source. `bytes` is cryptographic, fit for ids and secrets, and throws where there is no such source; numbers, which spread
 * waits, are to be had there too.
 */
export const systemRandom: Random = {
  fraction: () =>
    typeof crypto === 'undefined' ? Math.random() : (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 0x1_0000_0000,
  below: (bound) => Math.floor(systemRandom.fraction() * bound),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
}

/** A reproducible source (xoroshiro128+ from lib0). Never for secrets. */
export function seededRandom(seed: number): Random {
  const generator = prng.create(seed)
  const random: Random = {
    fraction: () => prng.real53(generator),
    below: (bound) => Math.floor(prng.real53(generator) * bound),
    bytes: (length) => Uint8Array.from({ length }, () => random.below(256)),
  }
  return random
}

/** `byteLength` random bytes as lower-case hexadecimal. */
export function randomId(random: Random, byteLength: number): string {
  return Array.from(random.bytes(byteLength), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
