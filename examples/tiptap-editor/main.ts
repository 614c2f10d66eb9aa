// A shared rich text in Tiptap, with everybody's carets. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { createEditor } from './editor.js'
import { createToolbar } from './toolbar.js'

openPage({
  defaultName: 'notes/tiptap',
  start({ doc, session, identity, room }) {
    const sheet = document.createElement('div')
    sheet.className = 'sheet'
    const editor = createEditor({ element: sheet, doc, awareness: session.awareness, identity })
    room.append(createToolbar(editor), sheet)
    editor.commands.focus('end')
    return (writable) => editor.setEditable(writable)
  },
})
