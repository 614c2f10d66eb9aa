// Migration 6: what access control keeps. A new table, which nodes of the version before do not know.

export const accessRecords = `
CREATE TABLE weft.access_record (
  kind text NOT NULL,
  id bytea NOT NULL,
  value bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  PRIMARY KEY (kind, id)
);
CREATE INDEX access_record_expiry ON weft.access_record (expires_at) WHERE expires_at IS NOT NULL;
`
