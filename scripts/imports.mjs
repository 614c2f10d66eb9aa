// Draws who imports whom, folder by folder, as text: folders from the bottom up, each with the ones that it imports from. An arrow that runs back is named, and the
// exit code is 1. `--exceptions` lists the files behind each arrow into another folder's inside.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tops = ['core', 'protocol', 'persistence', 'server', 'client']

/** What others start with stands above the folder that it lies in. */
const entries = new Set(['persistence/index.ts', 'client/index.ts', 'server/index.ts', 'server/main.ts'])

/** All files of a folder; one of `server/` itself belongs to `server`. */
function filesIn(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
}

const folderOf = (file) => (entries.has(file.replace(/\.js$/, '.ts')) ? file.replace(/\.js$/, '.ts') : path.dirname(file))
const arrows = new Map()
const folders = new Set()
for (const file of tops.flatMap(filesIn)) {
  folders.add(folderOf(file))
  const text = readFileSync(path.join(root, file), 'utf8')
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const imported = path.normalize(path.join(path.dirname(file), target))
    const [from, to] = [folderOf(file), folderOf(imported)]
    if (from === to) continue
    if (!arrows.has(from)) arrows.set(from, new Map())
    const files = arrows.get(from).get(to) ?? []
    arrows.get(from).set(to, [...files, `${file} -> ${imported}`])
  }
}

/** From the bottom up: a folder comes once all that it imports from have. What is left imports in a circle. */
const levels = []
const placed = new Set()
for (;;) {
  const level = [...folders].filter(
    (folder) => !placed.has(folder) && [...(arrows.get(folder)?.keys() ?? [])].every((to) => placed.has(to)),
  )
  if (level.length === 0) break
  levels.push(level.sort())
  for (const folder of level) placed.add(folder)
}
const circular = [...folders].filter((folder) => !placed.has(folder)).sort()

const width = Math.max(...[...folders].map((folder) => folder.length))
const line = (folder) => `${folder.padEnd(width)}  ${[...(arrows.get(folder)?.keys() ?? [])].sort().join(' ') || '-'}`
levels.forEach((level, index) => {
  for (const folder of level) console.log(`${String(index).padStart(2)}  ${line(folder)}`)
})
for (const folder of circular) console.log(`??  ${line(folder)}`)
if (circular.length > 0) {
  console.log(`\nThese folders import from each other: ${circular.join(', ')}`)
  if (process.argv.includes('--exceptions'))
    for (const from of circular)
      for (const [to, files] of arrows.get(from) ?? [])
        if (circular.includes(to)) console.log(`\n${from} -> ${to}\n  ${files.join('\n  ')}`)
  process.exitCode = 1
}
