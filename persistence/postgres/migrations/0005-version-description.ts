// Migration 5: versions have a description beside their name. A new column, and a new function beside the one that nodes of the version
// before use.

const pinnedPlans = `
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off`

export const versionDescription = `
ALTER TABLE weft.snapshot ADD COLUMN version_description bytea;

-- As weft.save_snapshot, with the label's description. Answers 'written', 'fenced', or 'ahead' for a seq that was never committed.
CREATE FUNCTION weft.keep_version(
  p_shard int, p_epoch bigint, p_boot text, p_id bytea, p_incarnation text, p_seq bigint, p_bytes bytea, p_name bytea, p_author bytea, p_description bytea
) RETURNS text LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  outcome text := weft.save_snapshot(p_shard, p_epoch, p_boot, p_id, p_incarnation, p_seq, p_bytes, p_name, p_author);
BEGIN
  IF outcome = 'written' THEN
    UPDATE weft.snapshot SET version_description = p_description FROM weft.document
      WHERE document.id = p_id AND snapshot.key = document.key AND snapshot.seq = p_seq;
  END IF;
  RETURN outcome;
END $f$;
`
