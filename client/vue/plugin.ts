// The plugin that gives an application's components a connection, and the documents that they have open over it.
import { type ComputedRef, computed, type InjectionKey, inject, onMounted, type Plugin } from 'vue'
import { OpenDocuments } from '../binding/open-documents.js'
import type { WeftConnection } from '../connection.js'
import { connect } from '../index.js'
import type { ConnectOptions } from '../options.js'
import { useChanges } from './changes.js'

/** Either where to connect to, and how, as for `connect`; or a connection that the application made and closes. */
export type WeftSource =
  | { readonly url: string; readonly options?: ConnectOptions | undefined; readonly connection?: undefined }
  | { readonly connection: WeftConnection; readonly url?: undefined; readonly options?: undefined }

interface Provided {
  readonly documents: OpenDocuments
  /** A component is mounted: this is no server that renders. */
  mounted(): void
}

const providedKey: InjectionKey<Provided> = Symbol('weft')

/**
 * `app.use(createWeft({ url: '/' }))`. The connection is made when the first component that uses it is mounted, and closed when the
 * application is unmounted and everything is saved. Nothing is opened where a server renders.
 */
export function createWeft(source: WeftSource): Plugin {
  const { connection, url, options } = source
  return {
    install(app) {
      const documents = new OpenDocuments(connection ?? (() => connect(url, options)))
      let release: (() => void) | null = null
      app.provide(providedKey, {
        documents,
        mounted: () => {
          release ??= documents.retain()
        },
      })
      const unmount = app.unmount
      app.unmount = () => {
        unmount()
        release?.()
        release = null
      }
    },
  }
}

/** The connection, to call `retry()` on for example; null until it is made, and where a server renders. */
export function useConnection(): ComputedRef<WeftConnection | null> {
  const documents = useOpenDocuments()
  const track = useChanges(() => documents, subscribeTo)
  return computed(() => {
    track()
    return documents.connection()
  })
}

export function useOpenDocuments(): OpenDocuments {
  const provided = inject(providedKey, null)
  if (provided === null) throw new Error('The application does not use the plugin that createWeft makes.')
  onMounted(provided.mounted)
  return provided.documents
}

export function subscribeTo(documents: OpenDocuments, changed: () => void): () => void {
  return documents.subscribe(changed)
}
