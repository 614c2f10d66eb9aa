/** @jsxImportSource preact */
// Who looks: a token is pasted, and kept for this tab only.
import { useState } from 'preact/hooks'
import { token } from './api.js'
import { Mark } from './mark.js'

export function SignIn({ reason, signedIn }: { readonly reason: string; readonly signedIn: () => void }) {
  const [value, setValue] = useState('')
  // Whoever has shown nothing yet has not been refused.
  const [refused] = useState(token.get() !== '')
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          token.keep(value.trim())
          signedIn()
        }}
      >
        <h1>
          <Mark /> Weft admin
        </h1>
        <label for="token">Admin key, API key or token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
          aria-describedby="token-help"
          autofocus
        />
        <p class="help" id="token-help">
          It takes the right <code>admin</code> on everything. It is kept for this tab only, and goes nowhere but into the requests of this
          page.
        </p>
        {refused ? (
          <p class="error" role="alert">
            {reason}
          </p>
        ) : null}
        <button type="submit" class="button">
          Sign in
        </button>
      </form>
    </main>
  )
}
