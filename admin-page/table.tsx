/** @jsxImportSource preact */
// A table of the page: its columns say what stands in each row. On a narrow screen rows become blocks, and each cell goes by the name of its column.
import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly name: string
  /** `number`: to the right. `short`: on one line. `actions`: its name is for those who do not see the buttons. */
  readonly kind?: 'number' | 'short' | 'user' | 'document' | 'actions'
  readonly title?: (row: Row) => string
  readonly show: (row: Row) => ComponentChildren
}

export interface TableProps<Row> {
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** What stands there instead of a table without rows. */
  readonly nothing: ComponentChildren
  readonly class?: string
  readonly rowClass?: (row: Row) => string
  readonly sessionOf?: (row: Row) => string
}

export function Table<Row>({ columns, rows, keyOf, nothing, class: look, rowClass, sessionOf }: TableProps<Row>) {
  if (rows.length === 0) return <p class="nothing">{nothing}</p>
  return (
    <table class={look}>
      <thead>
        <tr>
          {columns.map(({ name, kind }) => (
            <th key={name} class={kind === 'number' ? kind : undefined}>
              {kind === 'actions' ? <span class="unseen">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)} class={rowClass?.(row)} data-session={sessionOf?.(row)}>
            {columns.map(({ name, kind, title, show }) => (
              <td key={name} data-name={kind === 'actions' ? undefined : name} class={kind} title={title?.(row)}>
                {show(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
