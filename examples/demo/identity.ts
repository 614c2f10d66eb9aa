// Who is typing in this browser: a name and a colour, kept in localStorage, and the palette that colours come from.

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

/** The identity of this browser; a made-up one, kept from then on, at the first visit. */
export function loadIdentity(): Identity {
  const name = localStorage.getItem(nameKey)
  const colour = localStorage.getItem(colourKey)
  if (name !== null && palette.some((entry) => entry.colour === colour)) return { name, colour: colour as string }
  const identity = { name: name ?? pick(firstNames), colour: pick(palette).colour }
  saveIdentity(identity)
  return identity
}

export function saveIdentity(identity: Identity): void {
  localStorage.setItem(nameKey, identity.name)
  localStorage.setItem(colourKey, identity.colour)
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
