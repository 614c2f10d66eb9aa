// What commands print: JSON where it was asked for, else lines for people, with colours on a terminal only.

const isTerminal = (): boolean => process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined

const codes = { green: 32, red: 31, dim: 2, bold: 1 } as const

export function coloured(text: string, colour: keyof typeof codes): string {
  return isTerminal() ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** Columns as wide as what is in them; the last one is as long as it likes. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')
  printLine(coloured(line(head), 'dim'))
  for (const row of rows) printLine(line(row))
}

export function timeText(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** `1 version`, `2 versions`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

/**
 * How far something long is: one line that is written over on a terminal, a line now and then elsewhere. On standard error, so that what is
 * asked for stays alone.
 */
export class Progress {
  readonly #what: string
  #done = 0
  #printed = 0

  constructor(what: string) {
    this.#what = what
  }

  step(of: string): void {
    this.#done += 1
    if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[K${this.#what} ${this.#done}: ${of.slice(0, 60)}`)
    else if (this.#done >= this.#printed + 100) {
      this.#printed = this.#done
      process.stderr.write(`${this.#what} ${this.#done}\n`)
    }
  }

  end(): void {
    if (process.stderr.isTTY === true && this.#done > 0) process.stderr.write('\r\u001b[K')
  }
}
