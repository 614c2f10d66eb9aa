// A shared text in Monaco, with everybody's cursors. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { createEditor } from './editor.js'

openPage({
  defaultName: 'notes/monaco',
  start({ doc, session, room }) {
    const sheet = document.createElement('div')
    sheet.className = 'sheet'
    room.append(sheet)
    const editor = createEditor(sheet, doc.getText('body'), session.awareness)
    editor.focus()
    return (writable) => editor.updateOptions({ readOnly: !writable })
  },
})
