/** @jsxImportSource preact */
// The admin page: what a node does now, and what an operator can do about it.
import { render } from 'preact'
import { App } from './app.js'

const place = document.getElementById('app')
if (place !== null) render(<App />, place)
