// The component that gives the components below it a connection, and the documents that they have open over it.
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from 'react'
import { OpenDocuments } from '../binding/open-documents.js'
import type { WeftConnection } from '../connection.js'
import { connect } from '../index.js'
import type { ConnectOptions } from '../options.js'

/** Either where to connect to, and how; or a connection that the application made and closes. */
export type WeftProviderProps = { readonly children?: ReactNode } & (
  | {
      /** As for `connect`. Another URL is another connection. */
      readonly url: string
      /** As for `connect`. They count when the connection is made. */
      readonly options?: ConnectOptions | undefined
      readonly connection?: undefined
    }
  | { readonly connection: WeftConnection; readonly url?: undefined; readonly options?: undefined }
)

interface Held {
  readonly key: string | WeftConnection
  readonly documents: OpenDocuments
}

const DocumentsContext = createContext<OpenDocuments | null>(null)

/** Two providers of one connection share its documents. */
const ofConnections = new WeakMap<WeftConnection, OpenDocuments>()

/** The connection is made when the component is mounted, and closed when it is gone and everything is saved. Nothing is opened where a server renders. */
export function WeftProvider(props: WeftProviderProps): ReactElement {
  const key = props.connection ?? props.url
  const [held, setHeld] = useState(() => hold(props))
  let current = held
  if (held.key !== key) {
    current = hold(props)
    setHeld(current)
  }
  const { documents } = current
  useEffect(() => documents.retain(), [documents])
  return createElement(DocumentsContext.Provider, { value: documents }, props.children)
}

/** The connection, to call `retry()` on for example; null until it is made, and where a server renders. */
export function useConnection(): WeftConnection | null {
  const documents = useOpenDocuments()
  return useSyncExternalStore(documents.subscribe, documents.connection, none)
}

export function useOpenDocuments(): OpenDocuments {
  const documents = useContext(DocumentsContext)
  if (documents === null) throw new Error('There is no WeftProvider above this component.')
  return documents
}

function hold({ connection, url, options }: WeftProviderProps): Held {
  if (connection === undefined) return { key: url, documents: new OpenDocuments(() => connect(url, options), options?.clock) }
  const documents = ofConnections.get(connection) ?? new OpenDocuments(connection)
  ofConnections.set(connection, documents)
  return { key: connection, documents }
}

const none = (): null => null
