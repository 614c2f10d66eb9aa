// Migration 8: a version that comes from elsewhere brings its time along. A new function beside the one that nodes of the version before
// use.

export const versionTime = `
-- As weft.keep_version without a time, which is the default. A version that is there keeps its own.
CREATE FUNCTION weft.keep_version(
  p_shard int, p_epoch bigint, p_boot text, p_id bytea, p_incarnation text, p_seq bigint, p_bytes bytea, p_name bytea, p_author bytea, p_description bytea,
  p_at bigint
) RETURNS text LANGUAGE plpgsql VOLATILE AS $f$
DECLARE
  was bigint := (SELECT snapshot.version_at FROM weft.snapshot JOIN weft.document ON document.key = snapshot.key
    WHERE document.id = p_id AND snapshot.seq = p_seq AND snapshot.version_name IS NOT NULL);
  outcome text := weft.keep_version(p_shard, p_epoch, p_boot, p_id, p_incarnation, p_seq, p_bytes, p_name, p_author, p_description);
BEGIN
  IF outcome = 'written' AND was IS NULL AND p_at IS NOT NULL THEN
    UPDATE weft.snapshot SET version_at = p_at FROM weft.document
      WHERE document.id = p_id AND snapshot.key = document.key AND snapshot.seq = p_seq;
  END IF;
  RETURN outcome;
END $f$;
`
