// Migration 3: what was found to be unusable in a document is remembered (D8). There are only new columns and a new function, so that nodes
// of the version before go on working beside it, and rights on the tables that were granted before cover them.

export const quarantine = `
ALTER TABLE weft.document ADD COLUMN quarantine_seq bigint, ADD COLUMN quarantine_reason bytea;

-- Answers 'written' or 'fenced'.
CREATE FUNCTION weft.save_quarantine(p_shard int, p_epoch bigint, p_boot text, p_id bytea, p_incarnation text, p_seq bigint, p_reason bytea)
RETURNS text LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off AS $f$
BEGIN
  IF cardinality(weft.lock_fences(ARRAY[p_shard], ARRAY[p_epoch], ARRAY[p_boot])) = 0 THEN RETURN 'fenced'; END IF;
  UPDATE weft.document SET quarantine_seq = p_seq, quarantine_reason = p_reason WHERE document.id = p_id AND document.incarnation = p_incarnation;
  RETURN CASE WHEN FOUND THEN 'written' ELSE 'fenced' END;
END $f$;
`
