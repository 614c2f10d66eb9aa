// Writes what bench/results/*.json measured side by side into docs/benchmarks.md, between its two marks, and one chart for each shape. Run it after
// `npm run bench -- --peers --save`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('..', import.meta.url)
const pathOf = (name) => fileURLToPath(new URL(name, root))
const BEGIN = '<!-- side by side: written by scripts/benchmarks.mjs -->'
const END = '<!-- side by side: end -->'
const names = { weft: 'Weft', hocuspocus: 'Hocuspocus 4.7', 'y-websocket': 'y-websocket 2.1', relay: 'bare relay on ws' }
const cpuOf = (numbers) => numbers['server CPU ms per 1,000 edits'] ?? numbers['server CPU s per s'] * 1000
const unitOf = (numbers) => ('server CPU ms per 1,000 edits' in numbers ? 'ms of server CPU per 1,000 edits' : 'ms of server CPU a second')
const short = (value) => (value === undefined ? '' : String(Number(value.toPrecision(3))))

/** A bar for each contender, as long as what it costs: in colours that are read on light and dark pages. */
function chart({ title, medians }) {
  const bars = Object.entries(medians)
  const most = Math.max(...bars.map(([, numbers]) => cpuOf(numbers)))
  const height = 34 + bars.length * 30
  const rows = bars.map(([name, numbers], index) => {
    const y = 34 + index * 30
    const width = Math.max(2, (cpuOf(numbers) / most) * 330)
    const fill = name === 'weft' ? '#2f81f7' : '#8b949e'
    return [
      `<text x="0" y="${y + 15}">${names[name] ?? name}</text>`,
      `<rect x="150" y="${y}" width="${width.toFixed(1)}" height="20" rx="3" fill="${fill}"/>`,
      `<text x="${(158 + width).toFixed(1)}" y="${y + 15}">${short(cpuOf(numbers))}</text>`,
    ].join('')
  })
  const unit = unitOf(bars[0][1])
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 ${height}" width="560" height="${height}" role="img" aria-label="${title}: ${unit}"><style>text{font:13px system-ui,sans-serif;fill:#57606a}@media (prefers-color-scheme:dark){text{fill:#adbac7}}</style><text x="0" y="16" font-weight="600">${title}: ${unit}</text>${rows.join('')}</svg>\n`
}

function table({ medians }) {
  const weft = medians.weft === undefined ? Number.NaN : cpuOf(medians.weft)
  const unit = unitOf(Object.values(medians)[0])
  const head = [`| | ${unit} | of Weft's | delivery p50 | p99 | delivered |`, '|---|---|---|---|---|---|']
  const rows = Object.entries(medians).map(([name, numbers]) => {
    const delivered = numbers['delivered %']
    return `| ${names[name] ?? name} | ${short(cpuOf(numbers))} | ${short(cpuOf(numbers) / weft)} × | ${short(numbers['delivery p50 ms'])} ms | ${short(numbers['p99 ms'])} ms | ${delivered === undefined ? '' : `${short(Math.min(100, delivered))} %`} |`
  })
  return [...head, ...rows].join('\n')
}

function sectionOf(file) {
  const { date, machine, command, rounds, durability, shapes } = JSON.parse(readFileSync(pathOf(`bench/results/${file}`), 'utf8'))
  mkdirSync(pathOf('docs/images/benchmarks'), { recursive: true })
  const load = machine.load.map((value) => value.toFixed(1)).join(', ')
  const parts = shapes.map((shape, index) => {
    const image = `images/benchmarks/${date}-${index + 1}.svg`
    writeFileSync(pathOf(`docs/${image}`), chart(shape))
    return `#### ${shape.title[0].toUpperCase()}${shape.title.slice(1)}\n\n![${shape.title}](${image})\n\n${table(shape)}`
  })
  const stored = Object.entries(durability).map(([name, what]) => `- ${names[name] ?? name}: ${what}.`)
  return [
    `### ${date}`,
    `${machine.processors} × ${machine.model}, Node ${machine.node}, load ${load} at the end; medians of ${rounds} rounds, in turns: \`${command}\`. When somebody sees an edit, it is`,
    stored.join('\n'),
    ...parts,
  ].join('\n\n')
}

const files = readdirSync(pathOf('bench/results'))
  .filter((file) => file.endsWith('.json'))
  .sort()
  .reverse()
const page = readFileSync(pathOf('docs/benchmarks.md'), 'utf8')
const [before, rest] = page.split(BEGIN)
const [, after] = (rest ?? '').split(END)
if (rest === undefined || after === undefined) throw new Error(`docs/benchmarks.md has no place between ${BEGIN} and ${END}`)
writeFileSync(pathOf('docs/benchmarks.md'), `${before}${BEGIN}\n\n${files.map(sectionOf).join('\n\n')}\n\n${END}${after}`)
