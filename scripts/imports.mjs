// Draws who imports whom, folder by folder, as text: folders from the bottom up, each with the ones that it imports from. An arrow that runs back, or that
// `import-rules.mjs` does not allow, is named with the files behind it, and the exit code is 1.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { importRules } from './import-rules.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const tops = ['core', 'protocol', 'persistence', 'server', 'client']
/** What stands for itself, and not for the folder that it lies in. */
const alone = new Set(Object.keys(importRules).filter((place) => place.endsWith('.ts')))

function filesIn(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
}

function placeOf(file) {
  const source = file.replace(/\.js$/, '.ts')
  return alone.has(source) ? source : path.dirname(source)
}

/** Place → place that it imports from → the imports behind that. */
const arrows = new Map()
for (const file of tops.flatMap(filesIn)) {
  const from = placeOf(file)
  if (!arrows.has(from)) arrows.set(from, new Map())
  const text = readFileSync(path.join(root, file), 'utf8')
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const imported = path.normalize(path.join(path.dirname(file), target))
    const to = placeOf(imported)
    if (from === to) continue
    arrows.get(from).set(to, [...(arrows.get(from).get(to) ?? []), `${file} imports ${imported}`])
  }
}
const targetsOf = (place) => [...arrows.get(place).keys()].sort()

/** From the bottom up: a place comes once all that it imports from have. What is left imports in a circle. */
const levels = []
const placed = new Set()
for (;;) {
  const level = [...arrows.keys()].filter((place) => !placed.has(place) && targetsOf(place).every((to) => placed.has(to)))
  if (level.length === 0) break
  levels.push(level.sort())
  for (const place of level) placed.add(place)
}
const circular = [...arrows.keys()].filter((place) => !placed.has(place)).sort()

const width = Math.max(...[...arrows.keys()].map((place) => place.length))
const line = (height, place) => `${height.padStart(2)}  ${place.padEnd(width)}  ${targetsOf(place).join(' ') || '-'}`
levels.forEach((level, height) => {
  for (const place of level) console.log(line(String(height), place))
})
for (const place of circular) console.log(line('??', place))

function fault(text) {
  console.log(`\n${text}`)
  process.exitCode = 1
}
if (circular.length > 0) fault(`These import from each other: ${circular.join(', ')}`)
for (const from of arrows.keys()) {
  const allowed = importRules[from]
  if (allowed === undefined) {
    fault(`${from} has no rule in scripts/import-rules.mjs.`)
    continue
  }
  for (const [to, imports] of arrows.get(from)) {
    const everything =
      allowed.includes('*') && to.startsWith('client') === false && tops.some((top) => to === top || to.startsWith(`${top}/`))
    if (!everything && !allowed.includes(to)) fault(`${from} may not import from ${to}:\n  ${imports.join('\n  ')}`)
    if (circular.includes(from) && circular.includes(to)) console.log(`  ${imports.join('\n  ')}`)
  }
}
for (const place of Object.keys(importRules))
  if (!arrows.has(place)) fault(`scripts/import-rules.mjs has a rule for ${place}, which does not exist.`)
