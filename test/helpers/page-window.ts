// A window in memory (happy-dom) for frameworks that draw: they look for it when they are loaded, so this is imported before them.
import { Window } from 'happy-dom'

const window = new Window({ url: 'http://page.test/' })
Object.assign(globalThis, { window, document: window.document })
for (const name of ['navigator', 'Element', 'SVGElement', 'MathMLElement', 'ShadowRoot'] as const)
  if (!(name in globalThis)) Object.assign(globalThis, { [name]: window[name as 'navigator'] })
