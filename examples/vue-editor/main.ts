// A shared text in Vue: the page connects to the server that it came from. `?doc=` names the document, `?name=` the person.
import { createApp, h } from 'vue'
import { createWeft } from 'weft-sync/vue'
import { identityFrom } from '../react-editor/identity.js'
import { Page } from './page.js'

const parameters = new URLSearchParams(location.search)
const page = { name: parameters.get('doc') ?? 'notes/vue', identity: identityFrom(parameters.get('name')) }

createApp({ render: () => h(Page, page) })
  .use(createWeft({ url: '/' }))
  .mount('main')
