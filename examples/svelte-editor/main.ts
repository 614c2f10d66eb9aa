// A shared text in Svelte: the page connects to the server that it came from. `?doc=` names the document, `?name=` the person.
import { mount } from 'svelte'
import { createWeft } from 'weft-sync/svelte'
import { identityFrom } from '../react-editor/identity.js'
import Page from './Page.svelte'

const parameters = new URLSearchParams(location.search)

mount(Page, {
  target: document.body,
  props: {
    weft: createWeft({ url: '/' }),
    name: parameters.get('doc') ?? 'notes/svelte',
    identity: identityFrom(parameters.get('name')),
  },
})
