// Hands out tickets for the sync server to whoever is signed in here. The application knows who may do what; the key with which it asks never leaves this server.
import { cookies } from 'next/headers'
import { nameIn, sessionCookie } from '../../../session'

export async function POST(): Promise<Response> {
  const user = nameIn((await cookies()).get(sessionCookie)?.value)
  if (user === null) return Response.json({ detail: 'Sign in first.' }, { status: 401 })
  const answer = await fetch(`${process.env['WEFT_URL'] ?? 'http://127.0.0.1:1234'}/api/v1/tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env['WEFT_API_KEY'] ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user, name: user, documents: { 'notes/**': 'write' }, sessionMs: 3_600_000 }),
    cache: 'no-store',
  }).catch(() => null)
  // The client asks again by itself.
  if (answer === null || !answer.ok) return Response.json({ detail: 'The sync server gives no ticket.' }, { status: 502 })
  const { ticket } = await answer.json()
  return Response.json({ ticket }, { headers: { 'cache-control': 'no-store' } })
}
