// Turns the log's JSON lines into lines for people at a terminal: time, level, message, then the fields.

/** Not part of what a person wants to see of each line. */
const omitted = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err'])

const levels: Readonly<Record<number, { readonly word: string; readonly color: number }>> = {
  20: { word: 'debug', color: 90 },
  30: { word: 'info ', color: 36 },
  40: { word: 'warn ', color: 33 },
  50: { word: 'error', color: 31 },
}

/** Takes one line of JSON as pino writes it. What is none comes back as it is, but for what a terminal would take for a command. */
export function readableLine(json: string, colors: boolean): string {
  let entry: Readonly<Record<string, unknown>>
  try {
    entry = JSON.parse(json)
  } catch {
    return harmless(json)
  }
  const { word, color } = levels[Number(entry['level'])] ?? { word: '     ', color: 0 }
  const level = colors ? `\u001b[${color}m${word}\u001b[0m` : word
  const fields = Object.entries(entry).flatMap(([key, value]) => (omitted.has(key) ? [] : [`${key}=${shown(value)}`]))
  const text = [String(entry['msg'] ?? ''), ...fields].join('  ')
  return `${timeOfDay(Number(entry['time']))} ${level} ${harmless(text)}\n${errorText(entry['err'], String(entry['msg'] ?? ''))}`
}

function timeOfDay(timeMs: number): string {
  const date = new Date(timeMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value)
}

/** What was thrown, indented below its line; only its stack where the line already says the rest. */
function errorText(thrown: unknown, message: string): string {
  if (typeof thrown !== 'object' || thrown === null) return ''
  const { stack, message: words } = thrown as { readonly stack?: unknown; readonly message?: unknown }
  const text = typeof stack === 'string' ? stack : String(words ?? '')
  const lines = text.split('\n').filter((line) => line.trim() !== '' && line !== message)
  return lines.map((line) => `    ${harmless(line.trim())}\n`).join('')
}

/** Names and reasons come from strangers: what moves a terminal's cursor or colours it is shown, not done. */
function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
