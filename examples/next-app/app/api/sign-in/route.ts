// Signs anybody in under the name that they give: what your application has for this takes its place.
import { sessionCookie, signed } from '../../../session'

export async function POST(request: Request): Promise<Response> {
  const name = String((await request.formData()).get('name') ?? '').trim()
  if (name === '' || name.length > 40) return Response.json({ detail: 'A name has 1 to 40 characters.' }, { status: 400 })
  return new Response(null, {
    status: 303,
    headers: { location: '/', 'set-cookie': `${sessionCookie}=${signed(name)}; HttpOnly; SameSite=Lax; Path=/` },
  })
}
