// Who is here: avatars out of the awareness states, each of which leads to that person's caret.
import type { Awareness } from 'y-protocols/awareness'
import { initials } from './identity.js'

const avatarsMax = 5

interface Person {
  readonly clientId: number
  readonly name: string
  readonly colour: string
}

/** The people whose states carry a usable `user`, this client left out: states come from other browsers and are not trusted to have any shape. */
function othersIn(awareness: Awareness): Person[] {
  const people: Person[] = []
  for (const [clientId, state] of awareness.getStates()) {
    const user: unknown = state['user']
    if (clientId === awareness.clientID || typeof user !== 'object' || user === null) continue
    const { name, color } = user as { name?: unknown; color?: unknown }
    if (typeof name === 'string' && typeof color === 'string') people.push({ clientId, name, colour: color })
  }
  return people.sort((left, right) => left.clientId - right.clientId)
}

function avatar(person: Person, goTo: (clientId: number) => void): HTMLElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'avatar'
  button.style.backgroundColor = person.colour
  button.textContent = initials(person.name)
  button.title = person.name
  button.setAttribute('aria-label', `${person.name} is here: go to their caret`)
  button.addEventListener('click', () => goTo(person.clientId))
  return button
}

/** Keeps `list` in step with the awareness states; `onCount` hears how many others are here. */
export function showPeople(
  list: HTMLElement,
  awareness: Awareness,
  goTo: (clientId: number) => void,
  onCount: (others: number) => void,
): void {
  let shown = ''
  const refresh = (): void => {
    const people = othersIn(awareness)
    // Awareness changes with each caret move; the avatars do not.
    const key = JSON.stringify(people)
    if (key === shown) return
    shown = key
    const items = people.slice(0, avatarsMax).map((person) => {
      const item = document.createElement('li')
      item.append(avatar(person, goTo))
      return item
    })
    if (people.length > avatarsMax) {
      const more = document.createElement('li')
      more.className = 'avatar more'
      more.textContent = `+${people.length - avatarsMax}`
      more.title = people
        .slice(avatarsMax)
        .map((person) => person.name)
        .join(', ')
      items.push(more)
    }
    list.replaceChildren(...items)
    onCount(people.length)
  }
  awareness.on('change', refresh)
  refresh()
}
