// Who somebody is to the others: a name and a colour, as y-codemirror.next shows them.
export interface Identity {
  readonly name: string
  readonly color: string
}

const animals = ['Badger', 'Crane', 'Dormouse', 'Finch', 'Hare', 'Otter', 'Stoat', 'Wren']
const colors = ['#b4390a', '#0f766e', '#be185d', '#4338ca', '#15803d', '#a16207']

/** A name that nobody chose is made up. The same name has the same colour. */
export function identityFrom(chosen: string | null): Identity {
  const name = chosen ?? `${animals[Math.floor(Math.random() * animals.length)]} ${Math.ceil(Math.random() * 99)}`
  const sum = [...name].reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0)
  return { name, color: colors[sum % colors.length] ?? '#333333' }
}

/** States come from other browsers and may have any shape: undefined for one that is no identity. */
export function identityIn(state: unknown): Identity | undefined {
  if (typeof state !== 'object' || state === null) return undefined
  const { name, color } = state as { name?: unknown; color?: unknown }
  return typeof name === 'string' && typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color) ? { name, color } : undefined
}
