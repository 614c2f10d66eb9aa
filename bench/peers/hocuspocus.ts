// Hocuspocus as its own guide sets it up: its server with its SQLite extension, which stores a document two seconds after an edit.
// Run by the benchmarks with `--peer=hocuspocus`, on Node 22 or newer, which better-sqlite3 needs. Usage: node hocuspocus.js FILE
import path from 'node:path'
import { Server } from '@hocuspocus/server'

const [folder = '.'] = process.argv.slice(2)
// Its types do not pass the strictest checks, so it is loaded by a name that the compiler does not look up.
const extension: string = '@hocuspocus/extension-sqlite'
const { SQLite } = (await import(extension)) as { SQLite: new (configuration: { readonly database: string }) => object }
const server = new Server({
  address: '127.0.0.1',
  port: 0,
  quiet: true,
  extensions: [new SQLite({ database: path.join(folder, 'hocuspocus.sqlite') })],
})
await server.listen()
console.log(`running at 127.0.0.1:${server.address.port}`)
process.on('SIGTERM', () => process.exit(0))
