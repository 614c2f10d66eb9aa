// The history panel: a timeline of who was active when and of versions, any moment of it to look at, to name, and to bring back.
import type { HistoryApi, Overview, Sitting, Version } from './history-api.js'

export interface HistoryElements {
  readonly panel: HTMLElement
  readonly toggle: HTMLButtonElement
  readonly close: HTMLButtonElement
  /** The timeline, newest first. */
  readonly entries: HTMLElement
  readonly slider: HTMLInputElement
  readonly momentTime: HTMLElement
  readonly name: HTMLInputElement
  readonly nameForm: HTMLFormElement
  readonly restore: HTMLButtonElement
  readonly showChanges: HTMLInputElement
  readonly showAuthors: HTMLInputElement
  readonly status: HTMLElement
  /** What is shown in place of the editor. */
  readonly preview: HTMLElement
  readonly editor: HTMLElement
}

export interface HistoryPeople {
  /** The colour of whoever wrote with this Yjs client id; null when nobody knows. */
  colourOf(clientId: number): { readonly name: string; readonly colour: string } | null
}

type Entry = { readonly kind: 'sitting'; readonly sitting: Sitting } | { readonly kind: 'version'; readonly version: Version }

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const SLIDER_PAUSE_MS = 60
const SAVED_PAUSE_MS = 400

export class HistoryPanel {
  readonly #elements: HistoryElements
  readonly #api: HistoryApi
  readonly #people: HistoryPeople
  #overview: Overview | null = null
  /** The seq that is looked at; null: the present, in the editor. */
  #shown: number | null = null
  /** Something was written since the timeline was asked for. */
  #isStale = true
  #asked = 0
  #sliding: ReturnType<typeof setTimeout> | undefined
  #refreshing: ReturnType<typeof setTimeout> | undefined

  constructor(elements: HistoryElements, api: HistoryApi, people: HistoryPeople) {
    this.#elements = elements
    this.#api = api
    this.#people = people
    elements.toggle.addEventListener('click', () => void (this.isOpen ? this.close() : this.open()))
    elements.close.addEventListener('click', () => this.close())
    elements.slider.addEventListener('input', () => {
      clearTimeout(this.#sliding)
      this.#sliding = setTimeout(() => void this.#show(Number(elements.slider.value)), SLIDER_PAUSE_MS)
    })
    elements.showChanges.addEventListener('change', () => void this.#showAgain())
    elements.showAuthors.addEventListener('change', () => void this.#showAgain())
    elements.nameForm.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#keep(elements.name.value.trim())
    })
    elements.restore.addEventListener('click', () => void this.#restore())
    elements.panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close()
    })
  }

  get isOpen(): boolean {
    return !this.#elements.panel.hidden
  }

  async open(): Promise<void> {
    const { panel, toggle } = this.#elements
    panel.hidden = false
    toggle.setAttribute('aria-expanded', 'true')
    document.body.classList.add('with-history')
    await this.#refresh()
    panel.focus()
  }

  close(): void {
    const { panel, toggle } = this.#elements
    if (!this.isOpen) return
    panel.hidden = true
    toggle.setAttribute('aria-expanded', 'false')
    document.body.classList.remove('with-history')
    this.#present()
    toggle.focus()
  }

  /** Something was saved: the timeline has grown. */
  changed(): void {
    this.#isStale = true
    if (!this.isOpen) return
    clearTimeout(this.#refreshing)
    this.#refreshing = setTimeout(() => void this.#refresh(), SAVED_PAUSE_MS)
  }

  async #refresh(): Promise<void> {
    this.#isStale = false
    try {
      this.#overview = await this.#api.overview()
      if (this.#elements.status.classList.contains('bad')) this.#say('')
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#draw()
  }

  #draw(): void {
    const { entries, slider, restore } = this.#elements
    const overview = this.#overview
    if (overview === null) {
      entries.replaceChildren()
      this.#say('Nothing was written yet.')
      return
    }
    slider.min = String(overview.firstSeq)
    slider.max = String(overview.head)
    if (this.#shown === null) slider.value = slider.max
    restore.disabled = this.#shown === null || this.#shown === overview.head
    const all: Entry[] = [
      ...overview.sittings.map((sitting): Entry => ({ kind: 'sitting', sitting })),
      ...overview.versions.map((version): Entry => ({ kind: 'version', version })),
    ].sort((a, b) => timeOf(b) - timeOf(a))
    const items: HTMLElement[] = []
    let day = ''
    const most = Math.max(1, ...overview.sittings.map(({ edits }) => edits))
    for (const entry of all) {
      const itsDay = dayFormat.format(timeOf(entry))
      if (itsDay !== day) {
        day = itsDay
        const heading = document.createElement('li')
        heading.className = 'history-day'
        heading.textContent = itsDay
        items.push(heading)
      }
      items.push(this.#item(entry, most))
    }
    entries.replaceChildren(...items)
  }

  #item(entry: Entry, most: number): HTMLElement {
    const seq = entry.kind === 'sitting' ? entry.sitting.throughSeq : entry.version.seq
    const button = document.createElement('button')
    button.type = 'button'
    button.className = `history-entry ${entry.kind}`
    if (this.#shown === seq) button.setAttribute('aria-current', 'true')
    button.addEventListener('click', () => void this.#show(seq))
    const time = document.createElement('span')
    time.className = 'history-time'
    const title = document.createElement('span')
    title.className = 'history-title'
    if (entry.kind === 'version') {
      time.textContent = timeFormat.format(entry.version.createdAt)
      title.textContent = entry.version.name
    } else {
      const { from, through, edits, users } = entry.sitting
      const [begin, end] = [timeFormat.format(from), timeFormat.format(through)]
      time.textContent = begin === end ? begin : `${begin} – ${end}`
      title.textContent = users.length === 0 ? `${edits} ${edits === 1 ? 'change' : 'changes'}` : users.join(', ')
      const bar = document.createElement('meter')
      bar.max = most
      bar.value = edits
      bar.setAttribute('aria-label', `${edits} changes`)
      title.append(bar)
    }
    button.append(time, title)
    const item = document.createElement('li')
    item.append(button)
    return item
  }

  async #showAgain(): Promise<void> {
    if (this.#shown !== null) await this.#show(this.#shown)
  }

  /** Shows a moment; the newest one is the editor itself. */
  async #show(seq: number): Promise<void> {
    const { preview, editor, restore, slider, showChanges, showAuthors } = this.#elements
    const asked = ++this.#asked
    const at = `seq:${seq}`
    if (this.#isStale) await this.#refresh()
    try {
      const [moment, changes, runs] = await Promise.all([
        this.#api.preview(at),
        showChanges.checked ? this.#api.changesSince(at) : null,
        showAuthors.checked && !showChanges.checked ? this.#api.authors(at) : null,
      ])
      // Somebody has looked at another moment meanwhile.
      if (asked !== this.#asked || !this.isOpen) return
      this.#shown = seq
      // The server escapes every text of it, and the page's policy lets nothing in it run.
      preview.innerHTML = changes ?? moment.html
      if (runs !== null) this.#colour(preview, runs)
      preview.hidden = false
      editor.hidden = true
      restore.disabled = seq === this.#overview?.head
      slider.value = String(seq)
      this.#say(this.#momentText(seq))
      this.#draw()
    } catch (error) {
      this.#fail(error)
    }
  }

  #momentText(seq: number): string {
    if (seq === this.#overview?.head) return 'This is the present.'
    const sitting = this.#overview?.sittings.find(({ fromSeq, throughSeq }) => fromSeq <= seq && seq <= throughSeq)
    return sitting === undefined ? '' : `As it was ${dayFormat.format(sitting.through)}, ${timeFormat.format(sitting.through)}.`
  }

  /** Marks each run of text in the colour of whoever wrote it. The runs follow one another as the text does. */
  #colour(preview: HTMLElement, runs: readonly { readonly clientId: number; readonly text: string }[]): void {
    const walker = document.createTreeWalker(preview, NodeFilter.SHOW_TEXT)
    const nodes: Text[] = []
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) nodes.push(node as Text)
    let [run, used] = [0, 0]
    for (const node of nodes) {
      const parts: Node[] = []
      for (let offset = 0; offset < node.data.length; ) {
        const current = runs[run]
        if (current === undefined) {
          parts.push(document.createTextNode(node.data.slice(offset)))
          break
        }
        const length = Math.min(current.text.length - used, node.data.length - offset)
        const who = this.#people.colourOf(current.clientId)
        const span = document.createElement('span')
        span.className = 'written'
        span.textContent = node.data.slice(offset, offset + length)
        span.title = who?.name ?? 'Somebody'
        // A rule of the page's own sheet: its policy allows no inline styles in markup, and lets scripts set them.
        span.style.setProperty('--author', who?.colour ?? 'transparent')
        parts.push(span)
        offset += length
        used += length
        if (used === current.text.length) {
          run += 1
          used = 0
        }
      }
      node.replaceWith(...parts)
    }
  }

  #present(): void {
    const { preview, editor, restore, slider } = this.#elements
    this.#asked += 1
    this.#shown = null
    preview.hidden = true
    preview.replaceChildren()
    editor.hidden = false
    restore.disabled = true
    slider.value = slider.max
  }

  async #keep(name: string): Promise<void> {
    if (name === '') return
    const { name: input } = this.#elements
    try {
      await this.#api.keep(this.#shown === null ? 'now' : `seq:${this.#shown}`, name)
      input.value = ''
      await this.#refresh()
      this.#say(`Kept as “${name}”.`)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #restore(): Promise<void> {
    if (this.#shown === null) return
    const { restore } = this.#elements
    restore.disabled = true
    try {
      await this.#api.restore(`seq:${this.#shown}`)
      this.#present()
      await this.#refresh()
      this.#say('Restored. What was there before is kept as a version.')
    } catch (error) {
      restore.disabled = false
      this.#fail(error)
    }
  }

  #say(text: string): void {
    this.#elements.status.textContent = text
    this.#elements.status.classList.remove('bad')
    this.#elements.momentTime.textContent = this.#shown === null ? 'Now' : `Seq ${this.#shown}`
  }

  #fail(error: unknown): void {
    this.#say(error instanceof Error ? error.message : String(error))
    this.#elements.status.classList.add('bad')
  }
}

function timeOf(entry: Entry): number {
  return entry.kind === 'sitting' ? entry.sitting.through : entry.version.createdAt
}
