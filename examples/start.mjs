// Serves the examples together, each at its name: `node examples/start.mjs [port] [data folder] [example …]`, after `npm run build`.
import { serveExamples } from './page/serve.mjs'

const all = [
  'tiptap-editor',
  'drawing',
  'quill-editor',
  'monaco-editor',
  'lexical-editor',
  'blocknote-editor',
  'todo-list',
  'svelte-editor',
]
const chosen = process.argv.slice(4)
await serveExamples(chosen.length > 0 ? chosen : all)
