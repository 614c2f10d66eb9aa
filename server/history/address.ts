// How a moment of a document is named: `now`, `v12` or `"a name"` (a version), `seq:48211`, `2026-11-20T10:00:00Z`, `-15m`; each with an
// `@` in front or without.
import { WeftError } from '../../core/errors.js'

export type Address =
  | { readonly kind: 'now' }
  /** A version, by its seq. */
  | { readonly kind: 'version'; readonly seq: number }
  /** The newest version of this name. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'seq'; readonly seq: number }
  /** Milliseconds since the Unix epoch. */
  | { readonly kind: 'time'; readonly time: number }
  /** So many milliseconds before the present. */
  | { readonly kind: 'ago'; readonly ms: number }

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/** Throws `malformed`, in words that list the forms. */
export function parseAddress(text: string): Address {
  const plain = text.trim().replace(/^@/, '')
  if (plain === '' || plain === 'now') return { kind: 'now' }
  const quoted = /^"([\s\S]+)"$/.exec(plain)?.[1]
  if (quoted !== undefined) return { kind: 'named', name: quoted }
  const version = /^v(\d{1,15})$/.exec(plain)?.[1]
  if (version !== undefined) return { kind: 'version', seq: Number(version) }
  const seq = /^seq:(\d{1,15})$/.exec(plain)?.[1]
  if (seq !== undefined) return { kind: 'seq', seq: Number(seq) }
  const [, amount, unit] = /^-(\d{1,9})([a-z]+)$/.exec(plain) ?? []
  const ms = unitMs[unit ?? '']
  if (amount !== undefined && ms !== undefined) return { kind: 'ago', ms: Number(amount) * ms }
  const time = /^\d{4}-\d{2}-\d{2}/.test(plain) ? Date.parse(plain) : Number.NaN
  if (!Number.isNaN(time)) return { kind: 'time', time }
  throw new WeftError(
    'malformed',
    `"${text}" names no moment. A moment is now, v12 or "a name" (a version), seq:48211, 2026-11-20T10:00:00Z, or -15m (s, m, h, d, w).`,
  )
}
