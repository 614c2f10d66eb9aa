// Who is typing in this tab: a name and a colour, and the palette that colours come from.

export interface Identity {
  readonly name: string
  /** `#rrggbb`, from `palette`. */
  readonly colour: string
}

/** Each colour carries white text at a contrast of at least 4.5 and stands out on the light and on the dark page. */
export const palette = [
  { colour: '#c2410c', name: 'Rust' },
  { colour: '#be185d', name: 'Raspberry' },
  { colour: '#7e22ce', name: 'Violet' },
  { colour: '#4338ca', name: 'Indigo' },
  { colour: '#0369a1', name: 'Blue' },
  { colour: '#0f766e', name: 'Teal' },
  { colour: '#15803d', name: 'Green' },
  { colour: '#a16207', name: 'Ochre' },
] as const

const nameKey = 'weft-demo:name'
const colourKey = 'weft-demo:colour'
const keepCopyKey = 'weft-demo:keep-copy'
const firstNames = [
  'Ada',
  'Anni',
  'Basho',
  'Emmy',
  'Grace',
  'Hedy',
  'Ibn',
  'Joseph',
  'Katherine',
  'Linus',
  'Mary',
  'Noor',
  'Otti',
  'Sofia',
  'Tove',
  'Yuki',
]

function pick<Item>(items: readonly Item[]): Item {
  return items[Math.floor(Math.random() * items.length)] as Item
}

/**
 * The identity of this tab: what was chosen in this browser, or else a made-up one, so that two windows of one browser are two people until somebody
 * says who they are.
 */
export function loadIdentity(): Identity {
  for (const storage of [sessionStorage, localStorage]) {
    const name = storage.getItem(nameKey)
    const colour = storage.getItem(colourKey)
    if (name !== null && palette.some((entry) => entry.colour === colour)) return { name, colour: colour as string }
  }
  const identity = { name: pick(firstNames), colour: pick(palette).colour }
  keepIn(sessionStorage, identity)
  return identity
}

/** Keeps an identity that somebody chose, for this tab and for those to come. */
export function saveIdentity(identity: Identity): void {
  keepIn(sessionStorage, identity)
  keepIn(localStorage, identity)
}

function keepIn(storage: Storage, identity: Identity): void {
  storage.setItem(nameKey, identity.name)
  storage.setItem(colourKey, identity.colour)
}

/** Whether documents are also kept in this browser's IndexedDB. On unless it was turned off. */
export function loadKeepCopy(): boolean {
  return localStorage.getItem(keepCopyKey) !== 'no'
}

export function saveKeepCopy(keep: boolean): void {
  localStorage.setItem(keepCopyKey, keep ? 'yes' : 'no')
}

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u)
  const first = Array.from(words[0] ?? '')[0] ?? '?'
  const last = words.length > 1 ? (Array.from(words.at(-1) ?? '')[0] ?? '') : ''
  return (first + last).toUpperCase()
}
