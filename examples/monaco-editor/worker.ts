// What Monaco computes beside the page, such as links and differences.
import 'monaco-editor/esm/vs/editor/editor.worker.js'
