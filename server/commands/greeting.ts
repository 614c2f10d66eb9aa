// What a person at a terminal is told once the server listens: where the data is, and what to do next.
import path from 'node:path'
import type { Settings } from '../config/settings.js'

/** `listening` is the server's address without the base path. Nothing secret is in the answer: of a database only host and name. */
export function greeting(settings: Settings, listening: string): string {
  // "Every address" is for servers; a browser wants one.
  const url = listening.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, '//localhost') + settings.basePath
  const databaseUrl = settings['cluster.databaseUrl']
  const socket = url.replace(/^http/, 'ws')
  const provider = `new WebsocketProvider('${socket}', 'my-document', doc)`
  const lines = [
    ['Data', databaseUrl === null ? path.resolve(settings.dataDir) : databaseOf(databaseUrl)],
    ...(settings.demo ? [['Next', `Open ${url} in two windows, and type.`]] : []),
    [settings.demo ? '' : 'Next', `Connect an editor: ${provider} of y-websocket, or connect('${socket}') of weft-sync/client.`],
    ['Stop', 'Ctrl-C. What was saved is here again at the next start.'],
  ]
  return `\n${lines.map(([title = '', text = '']) => `  ${title.padEnd(4)}  ${text}\n`).join('')}\n`
}

function databaseOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl)
  return `the database ${pathname.slice(1)} on ${host}`
}
