// Migration 7: how far subscribers were told of changes. A new table, which nodes of the version before do not know; it follows the
// documents by itself.

export const changeCursors = `
CREATE TABLE weft.change_cursor (
  subscriber text NOT NULL,
  key bigint NOT NULL REFERENCES weft.document (key) ON DELETE CASCADE,
  seq bigint NOT NULL,
  PRIMARY KEY (key, subscriber)
) WITH (fillfactor = 50);
`
