// Run as a process of its own, by Node 22: stores documents with Hocuspocus' extension SQLite, as its server does when they change.
import { readFileSync } from 'node:fs'
import * as Y from 'yjs'

interface Extension {
  readonly db: { close(): void }
  onConfigure(): Promise<void>
  onStoreDocument(change: { readonly documentName: string; readonly document: Y.Doc }): Promise<void>
}

const [file = '', states = ''] = process.argv.slice(2)
const name: string = '@hocuspocus/extension-sqlite'
const { SQLite } = (await import(name)) as { SQLite: new (configuration: { readonly database: string }) => Extension }
const extension = new SQLite({ database: file })
await extension.onConfigure()
for (const [documentName, updates] of JSON.parse(readFileSync(states, 'utf8')) as [string, string[]][]) {
  const document = new Y.Doc()
  for (const update of updates) Y.applyUpdate(document, Buffer.from(update, 'base64'))
  await extension.onStoreDocument({ documentName, document })
  document.destroy()
}
extension.db.close()
