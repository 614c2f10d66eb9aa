// The demo's files, read once at the start: what is not in the list cannot be served, so no path can lead out of the folder.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'

export interface StaticFile {
  readonly body: Buffer
  readonly contentType: string
  readonly etag: string
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** The files of a folder by URL path; `index.html` also as `/`. Empty when there is no such folder. */
export async function readStaticFiles(folder: string): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>()
  for (const entry of await entriesOf(folder)) {
    if (!entry.isFile()) continue
    const name = join(entry.parentPath, entry.name)
    const body = await readFile(name)
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
    const file = { body, contentType: contentTypes[extname(name)] ?? 'application/octet-stream', etag }
    const path = `/${relative(folder, name).split(sep).join('/')}`
    files.set(path, file)
    if (path === '/index.html') files.set('/', file)
  }
  return files
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true })
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return []
    throw thrown
  }
}
