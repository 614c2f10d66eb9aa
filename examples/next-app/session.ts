// Who is signed in to the application: a name in a cookie that only this server can sign. Your own way of signing in takes its place.
import { createHmac, timingSafeEqual } from 'node:crypto'

export const sessionCookie = 'session'

/** Throws if nobody has set a secret: an application that everybody can sign for lets everybody in. */
function signatureOf(name: string): Buffer {
  const secret = process.env['SESSION_SECRET'] ?? ''
  if (secret.length < 16) throw new Error('SESSION_SECRET is missing, or shorter than 16 characters.')
  return createHmac('sha256', secret).update(name).digest()
}

export function signed(name: string): string {
  return `${encodeURIComponent(name)}.${signatureOf(name).toString('base64url')}`
}

/** The name in a cookie; null where there is none, or somebody else has signed it. */
export function nameIn(cookie: string | undefined): string | null {
  const [encoded = '', signature = ''] = (cookie ?? '').split('.')
  if (encoded === '') return null
  const name = decodeURIComponent(encoded)
  const expected = signatureOf(name)
  const shown = Buffer.from(signature, 'base64url')
  return shown.length === expected.length && timingSafeEqual(shown, expected) ? name : null
}
