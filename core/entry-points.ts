// What `weft-sync` itself is: nothing but words that say where its parts are.

const entryPoints = ['server', 'client', 'react', 'vue', 'svelte', 'undo', 'subdocuments', 'tabs', 'shared-socket', 'persistence']

/** Throws: it is evaluated by who imports the package without a part. */
function none(): never {
  const parts = entryPoints.map((name) => `weft-sync/${name}`).join(', ')
  throw new Error(
    `weft-sync is imported by its parts: createServer from weft-sync/server, connect from weft-sync/client. There are: ${parts}. See docs/client.md and docs/embedding.md in the package.`,
  )
}

/** @deprecated It is in `weft-sync/server`. */
export const createServer: never = none()

/** @deprecated It is in `weft-sync/client`. */
export const connect: never = none()
