// Bundles the example and serves it with a Weft server: `node examples/svelte-editor/start.mjs [port] [data folder]`, after `npm run build`.
import { serveExample } from '../page/serve.mjs'

await serveExample(new URL('.', import.meta.url))
