// A shared drawing on a canvas, with everybody's pointers. What is around it is in ../page.
import { openPage } from '../page/page.js'
import { showBoard } from './board.js'
import { Drawing } from './drawing.js'
import { sharePointers } from './pointers.js'
import { createTools } from './tools.js'

openPage({
  defaultName: 'drawings/first',
  start({ doc, session, room }) {
    const drawing = new Drawing(doc)
    const tools = createTools(drawing)
    const sheet = document.createElement('div')
    sheet.className = 'sheet'
    const canvas = document.createElement('canvas')
    canvas.ariaLabel = 'Drawing'
    sheet.append(canvas)
    room.append(sheet, tools.bar)
    showBoard({ canvas, drawing, pen: tools.pen })
    sharePointers(canvas, sheet, session.awareness)
    return tools.permit
  },
})
