import { fetchWithToken } from './token.js'
// What the history panel asks of the server that the page came from.

export interface Sitting {
  readonly fromSeq: number
  readonly throughSeq: number
  readonly from: number
  readonly through: number
  readonly users: readonly string[]
  readonly edits: number
}

export interface Version {
  readonly seq: number
  readonly name: string
  readonly author: string | null
  readonly createdAt: number
}

export interface Overview {
  readonly head: number
  readonly firstSeq: number
  readonly sittings: readonly Sitting[]
  readonly versions: readonly Version[]
}

/** The text of a moment, as safe HTML. */
export interface Preview {
  readonly seq: number
  readonly at: number | null
  readonly html: string
}

/** Runs of text in their order, each with the Yjs client id that wrote it. */
export interface WrittenRun {
  readonly clientId: number
  readonly text: string
}

const SITTINGS_MAX = 1_000

export class HistoryApi {
  readonly #document: string
  readonly #root: string

  /** `root` is the shared type that holds the text. */
  constructor(documentId: string, root: string) {
    this.#document = `api/v1/documents/${encodeURIComponent(documentId)}`
    this.#root = root
  }

  /** Null while nothing was written yet. */
  async overview(): Promise<Overview | null> {
    const answer = await fetchWithToken(this.#document)
    if (answer.status === 404) return null
    const { head, window } = await this.#json(answer)
    const [changes, versions] = await Promise.all([
      fetchWithToken(`${this.#document}/changes?limit=${SITTINGS_MAX}`).then((one) => this.#json(one)),
      fetchWithToken(`${this.#document}/versions?limit=1000`).then((one) => this.#json(one)),
    ])
    return { head, firstSeq: window.seq, sittings: changes.items, versions: versions.items }
  }

  async preview(at: string): Promise<Preview> {
    const answer = await this.#checked(
      await fetchWithToken(`${this.#document}/content?${new URLSearchParams({ at, format: 'html', root: this.#root })}`),
    )
    return { seq: Number(answer.headers.get('weft-seq')), at: null, html: await answer.text() }
  }

  /** What changed from a moment to the present, marked in the text of the present; null if nothing did. */
  async changesSince(at: string): Promise<string | null> {
    const { roots } = await this.#json(await fetchWithToken(`${this.#document}/diff?${new URLSearchParams({ from: at })}`))
    const found = roots.find((root: { name: string; html: string | null }) => root.name === this.#root)
    return found?.html ?? null
  }

  async authors(at: string): Promise<readonly WrittenRun[]> {
    const { roots } = await this.#json(await fetchWithToken(`${this.#document}/authors?${new URLSearchParams({ at })}`))
    const found = roots.find((root: { name: string }) => root.name === this.#root)
    return (found?.runs ?? []).filter((run: WrittenRun) => run.text !== null)
  }

  async keep(at: string, name: string): Promise<void> {
    await this.#checked(await this.#post('versions', { at, name }))
  }

  async restore(at: string): Promise<{ readonly keptBefore: number | null }> {
    return this.#json(await this.#post('restore', { at }))
  }

  #post(path: string, body: unknown): Promise<Response> {
    return fetchWithToken(`${this.#document}/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  /** Throws the server's words. */
  async #checked(answer: Response): Promise<Response> {
    if (answer.ok) return answer
    const problem: { readonly detail?: string } = await answer.json().catch(() => ({}))
    throw new Error(problem.detail ?? `The server answered ${answer.status}.`)
  }

  async #json(answer: Response): Promise<ReturnType<typeof JSON.parse>> {
    return (await this.#checked(answer)).json()
  }
}
