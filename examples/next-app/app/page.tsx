// The page is rendered on the server for whoever is signed in; what is shared opens in the browser.
import { cookies } from 'next/headers'
import { nameIn, sessionCookie } from '../session'
import { Notes } from './notes'

export default async function Page() {
  const name = nameIn((await cookies()).get(sessionCookie)?.value)
  if (name === null)
    return (
      <form action="/api/sign-in" method="post">
        <label>
          Your name <input name="name" required maxLength={40} />
        </label>
        <button type="submit">Sign in</button>
      </form>
    )
  return (
    <main>
      <p>Signed in as {name}.</p>
      <Notes url={process.env['WEFT_PUBLIC_URL'] ?? 'ws://127.0.0.1:1234'} documentId="notes/team" />
    </main>
  )
}
