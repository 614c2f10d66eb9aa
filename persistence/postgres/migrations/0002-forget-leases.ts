// Migration 2: leases of processes that are long gone are forgotten. There was one row for each start of a node, for good.

/** A boot that owns nothing for so long is gone; if it is not after all, it gets a new lease with its next claim. */
const FORGET_AFTER = '1 day'

// A lease that is made again must not have a version that its boot may remember of the one before. Versions grow by one at each change of
// ownership, far more slowly than microseconds pass, so the time is above every version that there was. What is forgotten is taken only if
// nobody has it locked: a claim waits for nothing but the leases and shards that it is about, in their order.
export const forgetLeases = `
CREATE OR REPLACE FUNCTION weft.claim_shards(p_node_id text, p_boot text, p_shards int[], p_epochs bigint[])
RETURNS TABLE (shard int, epoch bigint) LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off AS $f$
#variable_conflict use_column
DECLARE
  losers text[];
BEGIN
  DELETE FROM weft.lease WHERE boot IN (
    SELECT l.boot FROM weft.lease l
    WHERE l.created_at < clock_timestamp() - interval '${FORGET_AFTER}' AND l.boot <> p_boot
      AND NOT EXISTS (SELECT FROM weft.shard_owner o WHERE o.boot = l.boot)
    FOR UPDATE SKIP LOCKED);
  INSERT INTO weft.lease (boot, version) VALUES (p_boot, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) ON CONFLICT DO NOTHING;
  -- An epoch has one boot for as long as it has any, so the boots read here are the ones that lose the epochs which still match below.
  losers := ARRAY(SELECT DISTINCT o.boot FROM weft.shard_owner o JOIN unnest(p_shards, p_epochs) AS seen (shard, epoch) ON o.shard = seen.shard
    WHERE o.epoch = seen.epoch AND o.boot IS NOT NULL);
  PERFORM 1 FROM weft.lease l WHERE l.boot = ANY (losers) ORDER BY l.boot FOR UPDATE;
  PERFORM 1 FROM weft.shard_owner o WHERE o.shard = ANY (p_shards) ORDER BY o.shard FOR UPDATE;
  UPDATE weft.lease l SET version = l.version + 1 WHERE l.boot = ANY (losers);
  RETURN QUERY UPDATE weft.shard_owner o SET epoch = o.epoch + 1, node_id = p_node_id, boot = p_boot
    FROM unnest(p_shards, p_epochs) AS seen (shard, epoch)
    WHERE o.shard = seen.shard AND o.epoch = seen.epoch
    RETURNING o.shard, o.epoch;
END $f$;
`
