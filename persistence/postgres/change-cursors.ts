// Cursors of subscribers in PostgreSQL: rows that belong to the document they are about.
import { assert } from '../../core/assert.js'
import { type ChangeCursors, isSubscriber, LOOKED_AT_PER_PAGE } from '../change-cursors.js'
import { UNFINISHED_PATTERN } from '../unfinished.js'
import { numberIn, utf8In } from './columns.js'
import type { Database } from './database.js'

const ADVANCE = `
  INSERT INTO weft.change_cursor (subscriber, key, seq) SELECT $1, document.key, $3 FROM weft.document WHERE document.id = $2
  ON CONFLICT (key, subscriber) DO UPDATE SET seq = excluded.seq WHERE change_cursor.seq < excluded.seq`

const TOLD_OF = `
  SELECT coalesce(cursor.seq, 0) AS seq FROM weft.document
  LEFT JOIN weft.change_cursor cursor ON cursor.key = document.key AND cursor.subscriber = $1 WHERE document.id = $2 AND document.incarnation NOT LIKE '${UNFINISHED_PATTERN}'`

/** The head of each document is its last row. */
const BEHIND = `
  SELECT looked.id, coalesce(cursor.seq, 0) AS seq, head.seq AS head, head.committed_at
  FROM (SELECT document.key, document.id FROM weft.document
    WHERE document.id > $2 AND document.incarnation NOT LIKE '${UNFINISHED_PATTERN}' ORDER BY document.id LIMIT ${LOOKED_AT_PER_PAGE}) looked
  CROSS JOIN LATERAL (SELECT log.seq, log.committed_at FROM weft.log WHERE log.key = looked.key ORDER BY log.seq DESC LIMIT 1) head
  LEFT JOIN weft.change_cursor cursor ON cursor.key = looked.key AND cursor.subscriber = $1
  ORDER BY looked.id`

export class PostgresChangeCursors implements ChangeCursors {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async toldOf(subscriber: string, documentId: string): Promise<number | null> {
    const [row] = await this.#database.read('bulk', TOLD_OF, [subscriber, Buffer.from(documentId, 'utf8')])
    return row === undefined ? null : numberIn(row, 'seq')
  }

  async advance(subscriber: string, documentId: string, seq: number): Promise<void> {
    assert(isSubscriber(subscriber), 'a subscriber has a short name')
    await this.#database.run('bulk', ADVANCE, [subscriber, Buffer.from(documentId, 'utf8'), seq])
  }

  async behind(subscriber: string, { after, since }: { readonly after?: string; readonly since: number }) {
    const rows = await this.#database.read('bulk', BEHIND, [subscriber, Buffer.from(after ?? '', 'utf8')])
    const items = rows.flatMap((row) => {
      const [seq, head] = [numberIn(row, 'seq'), numberIn(row, 'head')]
      return head > seq && (seq > 0 || numberIn(row, 'committed_at') > since) ? [{ documentId: utf8In(row, 'id'), seq, head }] : []
    })
    const last = rows.at(-1)
    return { items, next: last !== undefined && rows.length === LOOKED_AT_PER_PAGE ? utf8In(last, 'id') : null }
  }
}
