// A shared rich text in Quill, with everybody's cursors. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { createEditor } from './editor.js'

openPage({
  defaultName: 'notes/quill',
  start({ doc, session, room }) {
    const sheet = document.createElement('div')
    room.append(sheet)
    const quill = createEditor(sheet, doc.getText('body'), session.awareness)
    quill.setSelection(quill.getLength(), 0)
    return (writable) => quill.enable(writable)
  },
})
