// The saved-state indicator. It may be late to say "Saved", never early.

export type SavedState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'syncing' }
  | { readonly kind: 'saving'; readonly unsaved: number }
  | { readonly kind: 'saved' }
  | { readonly kind: 'offline'; readonly unsaved: number }
  | { readonly kind: 'refused'; readonly reason: string }

export interface SavedStateElements {
  /** Gets `data-kind` and `data-unsaved`, which tell the state at once, and contains `.words` and, for narrow windows, `.few-words`. */
  readonly indicator: HTMLElement
  /** A sentence below the header while something needs explaining. */
  readonly notice: HTMLElement
  /** A live region that tells screen readers what matters, not every keystroke. */
  readonly announcements: HTMLElement
}

/** Without a pause between "Saving…" and "Saved" the words would flicker with each key. */
const calmMs = 350

export class SavedStateIndicator {
  readonly #elements: SavedStateElements
  readonly #keepsCopy: boolean
  #calm: ReturnType<typeof setTimeout> | undefined
  #announced = ''

  /** `keepsCopy`: unsaved work is also in this browser's storage, so that it survives a reload. */
  constructor(elements: SavedStateElements, keepsCopy: boolean) {
    this.#elements = elements
    this.#keepsCopy = keepsCopy
  }

  show(state: SavedState): void {
    const { indicator, notice } = this.#elements
    const previous = indicator.dataset['kind']
    clearTimeout(this.#calm)
    indicator.dataset['kind'] = state.kind
    indicator.dataset['unsaved'] = String('unsaved' in state ? state.unsaved : 0)
    if (state.kind === 'saved' && previous === 'saving') this.#calm = setTimeout(() => this.#write(state), calmMs)
    else this.#write(state)

    const explanation = this.#explain(state)
    notice.hidden = explanation === ''
    notice.dataset['kind'] = state.kind
    if (notice.textContent !== explanation) notice.textContent = explanation
    this.#announce(state)
  }

  #write(state: SavedState): void {
    const { indicator } = this.#elements
    indicator.dataset['shown'] = state.kind
    const words = indicator.querySelector('.words')
    if (words !== null) words.textContent = describe(state)
    const fewWords = indicator.querySelector('.few-words')
    if (fewWords !== null) fewWords.textContent = describeShortly(state)
    indicator.title = state.kind === 'saved' ? 'Everything you typed is on the server’s disk.' : ''
  }

  #explain(state: SavedState): string {
    if (state.kind === 'refused') return `The server refused this document: ${state.reason}`
    if (state.kind !== 'offline') return ''
    const where = this.#keepsCopy ? 'in this browser' : 'in this tab, so leave it open'
    return `The server cannot be reached. You can go on typing: your work is kept ${where}, and is saved when the server is back.`
  }

  #announce(state: SavedState): void {
    if (state.kind === 'connecting' || state.kind === 'syncing' || state.kind === 'saving' || state.kind === this.#announced) return
    const first = this.#announced === ''
    this.#announced = state.kind
    if (!(first && state.kind === 'saved')) this.#elements.announcements.textContent = describe(state)
  }
}

function describe(state: SavedState): string {
  switch (state.kind) {
    case 'connecting':
      return 'Connecting…'
    case 'syncing':
      return 'Syncing…'
    case 'saving':
      return state.unsaved > 1 ? `Saving… ${state.unsaved} unsaved` : 'Saving…'
    case 'saved':
      return 'Saved'
    case 'offline':
      return state.unsaved > 0 ? `Offline: your work is kept (${state.unsaved} unsaved)` : 'Offline: your work is kept'
    case 'refused':
      return `Refused: ${state.reason}`
  }
}

function describeShortly(state: SavedState): string {
  switch (state.kind) {
    case 'saved':
    case 'connecting':
    case 'syncing':
    case 'saving':
      return ''
    case 'offline':
      return state.unsaved > 0 ? `Offline, ${state.unsaved}` : 'Offline'
    case 'refused':
      return 'Refused'
  }
}
