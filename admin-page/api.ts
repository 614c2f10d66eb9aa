// What the page asks of the server that it came from. The token goes into a header only, and is kept as long as this tab is open.
const TOKEN_KEPT_AS = 'weft-admin:token'

/** Addresses are relative to the folder of the page, so that they are right under every base path. */
const apiRoot = new URL('../api/v1/', document.baseURI)

/** What the page shows of an answer without bounds. */
const TEXT_BYTES_MAX = 256 * 1024

export const token = {
  get: (): string => sessionStorage.getItem(TOKEN_KEPT_AS) ?? '',
  keep: (value: string): void => sessionStorage.setItem(TOKEN_KEPT_AS, value),
  forget: (): void => sessionStorage.removeItem(TOKEN_KEPT_AS),
}

/** The server said no, in words for people. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }

  /** Whether another token may help. */
  get needsSignIn(): boolean {
    return this.status === 401 || this.status === 403
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const shown = token.get()
  const answer = await fetch(new URL(path, apiRoot), {
    method,
    cache: 'no-store',
    signal: AbortSignal.timeout(15_000),
    headers: {
      ...(shown === '' ? {} : { Authorization: `Bearer ${shown}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (answer.ok) return answer
  const problem = (await answer.json().catch(() => ({}))) as { readonly detail?: string }
  throw new Refused(answer.status, problem.detail ?? `The server answered ${answer.status}.`)
}

/** Rejects with `Refused`, or with what the browser says of a server that does not answer. */
export async function request<Answer>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
  return (await ask(method, path, body)).json() as Promise<Answer>
}

/** The beginning of a text; `isWhole` says whether there is no more. */
export async function requestText(path: string): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const { body } = await ask('GET', path)
  if (body === null) return { text: '', isWhole: true }
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let bytes = 0; bytes < TEXT_BYTES_MAX; ) {
    const { done, value } = await reader.read()
    if (done) return { text: text + decoder.decode(), isWhole: true }
    bytes += value.length
    text += decoder.decode(value, { stream: true })
  }
  await reader.cancel()
  return { text, isWhole: false }
}
