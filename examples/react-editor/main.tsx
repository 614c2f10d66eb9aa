// A shared text in React: the page connects to the server that it came from. `?doc=` names the document, `?name=` the person.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { WeftProvider } from 'weft-sync/react'
import { identityFrom } from './identity.js'
import { Page } from './page.js'

const parameters = new URLSearchParams(location.search)
const main = document.querySelector('main')
if (main === null) throw new Error('The page has no main element.')

createRoot(main).render(
  <StrictMode>
    <WeftProvider url="/">
      <Page name={parameters.get('doc') ?? 'notes/react'} identity={identityFrom(parameters.get('name'))} />
    </WeftProvider>
  </StrictMode>,
)
