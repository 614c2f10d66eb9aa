// A shared list of things to do in React. The page connects to the server that it came from; `?doc=` names the list, `?name=` the person.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { WeftProvider } from 'weft-sync/react'
import { identityFrom } from '../react-editor/identity.js'
import { Page } from './page.js'

const parameters = new URLSearchParams(location.search)

createRoot(document.body).render(
  <StrictMode>
    <WeftProvider url="/">
      <Page name={parameters.get('doc') ?? 'lists/first'} identity={identityFrom(parameters.get('name'))} />
    </WeftProvider>
  </StrictMode>,
)
