// The tests as text: their titles, and the source that each runs as far as it is under test/. For checks on what a title may claim.
import fs from 'node:fs'
import path from 'node:path'
import { repositoryRoot } from './repository.js'

export interface TitledTest {
  /** Below test/. */
  readonly file: string
  readonly title: string
  /** Rules that the title names, such as `D1`. */
  readonly rules: readonly string[]
  /** The test itself without its title, what it calls in its own file, and the files under test/ that it takes something from, and theirs. */
  readonly source: string
}

const root = path.join(repositoryRoot, 'test')
const titlePattern = /(?:^|[^\w.])(?:test|it|describe)(?:\.skip|\.only)?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs
/** A rule by name, and not a part of a range or of another word. */
const rulePattern = /\b[DOSAGHXE]\d\b/g

export function titledTests(): readonly TitledTest[] {
  return fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') || (file.startsWith('contract') && file.endsWith('.ts')))
    .flatMap(testsOf)
}

/** Titles that name a first and a last rule, as if a test could be sure of all between. */
export function rangesIn(title: string): readonly string[] {
  return title.match(/\b[DOSAGHXE]\d\s*(?:–|-|…|\.\.+|to)\s*[DOSAGHXE]?\d\b/g) ?? []
}

function testsOf(file: string): TitledTest[] {
  const text = readSource(file)
  const found = [...text.matchAll(titlePattern)]
  const own = found.map((match, index) => ({
    title: match[2] ?? '',
    start: match.index + match[0].length,
    end: found[index + 1]?.index ?? text.length,
  }))
  return own.map(({ title, start, end }) => ({
    file,
    title,
    rules: title.match(rulePattern) ?? [],
    source: withWhatItUses(file, text.slice(start, end), text),
  }))
}

/** Adds the declarations of the same file that a test uses, and the files that the names it uses come from. */
function withWhatItUses(file: string, body: string, text: string): string {
  const declarations = [...text.matchAll(/^(?:export )?(?:async )?(?:function|const|class|let) (\w+)[\s\S]*?^(?:\}|\S.*$)/gm)]
  let source = body
  const used = new Set<string>()
  for (let grown = true; grown; ) {
    grown = false
    for (const [declaration, name = ''] of declarations) {
      if (used.has(name) || !new RegExp(`\\b${name}\\b`).test(source)) continue
      used.add(name)
      source += `\n${declaration}`
      grown = true
    }
  }
  const seen = new Set<string>([file])
  const waiting = importsOf(file, text)
    .filter(({ names }) => names.some((name) => new RegExp(`\\b${name}\\b`).test(source)))
    .map(({ from }) => from)
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    const imported = readSource(next)
    source += `\n${imported}`
    waiting.push(...importsOf(next, imported).map(({ from }) => from))
  }
  return source
}

/** What a file imports from others under test/. */
function importsOf(file: string, text: string): { readonly names: readonly string[]; readonly from: string }[] {
  return [...text.matchAll(/^import (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm)].flatMap(([, names = '', from = '']) => {
    const target = path.join(path.dirname(file), from.replace(/\.js$/, '.ts'))
    if (target.startsWith('..') || !fs.existsSync(path.join(root, target))) return []
    return [{ names: names.match(/\w+(?=\s*(?:,|$))/g) ?? [], from: target }]
  })
}

function readSource(file: string): string {
  return fs.readFileSync(path.join(root, file), 'utf8')
}
