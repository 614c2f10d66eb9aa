// A shared rich text in Lexical, with everybody's cursors. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { createRichText } from './editor.js'

openPage({
  defaultName: 'notes/lexical',
  start({ doc, session, identity, room }) {
    const sheet = document.createElement('div')
    sheet.className = 'sheet'
    sheet.contentEditable = 'true'
    sheet.ariaLabel = 'Text'
    sheet.role = 'textbox'
    const cursors = document.createElement('div')
    cursors.className = 'cursors'
    room.append(sheet, cursors)
    const editor = createRichText({ element: sheet, cursors, doc, awareness: session.awareness, identity })
    return (writable) => editor.setEditable(writable)
  },
})
