// A shared page of blocks in BlockNote, with everybody's cursors. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { createEditor } from './editor.js'

openPage({
  defaultName: 'notes/blocknote',
  start({ doc, session, identity, room }) {
    const sheet = document.createElement('div')
    sheet.className = 'sheet'
    room.append(sheet)
    const editor = createEditor(doc.getXmlFragment('body'), session.awareness, identity)
    editor.mount(sheet)
    return (writable) => {
      editor.isEditable = writable
    }
  },
})
