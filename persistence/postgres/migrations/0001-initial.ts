// Migration 1: ownership, the op log, snapshots, membership, and the functions through which everything fenced is written.
//
// Why functions: the fence, the checks and the insert stay one autocommit statement (so nothing is held across a round trip and a
// transaction pooler may sit in between), their plans are kept by the server without named statements, and in READ COMMITTED each statement
// inside one sees what was committed before it began: what is checked after the fence is locked includes everything that any earlier owner
// committed. The planner settings on a function pin the plans that were measured (index lookups), whatever the statistics of a fresh table
// say.

const pinnedPlans = `
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off`

export const initial = `
-- Who owns a shard. Epoch 0: never claimed. Rows change in place (fillfactor), as each append locks them.
CREATE TABLE weft.shard_owner (
  shard int PRIMARY KEY CHECK (shard BETWEEN 0 AND 1023),
  epoch bigint NOT NULL,
  node_id text,
  boot text
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
INSERT INTO weft.shard_owner (shard, epoch) SELECT shard, 0 FROM generate_series(0, 1023) AS shard;

-- One row per boot that ever owned a shard. Its version moves, in the same transaction, whenever anything moves that the boot may have remembered about
-- its shards: one of them is claimed, released, or a document in it deleted. So one locked row stands for all fences of a process (see append_known).
CREATE TABLE weft.lease (
  boot text PRIMARY KEY,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

-- One life of a document. Ids are UTF-8 bytes: any character is allowed in them, and bytea sorts by bytes whatever the database's collation.
CREATE TABLE weft.document (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  incarnation text NOT NULL,
  created_at bigint NOT NULL
);

-- The op log. Times are milliseconds since the Unix epoch, by this database's clock. The last row of a document is never removed: it is the head.
CREATE TABLE weft.log (
  key bigint NOT NULL,
  seq bigint NOT NULL,
  epoch bigint NOT NULL,
  committed_at bigint NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (key, seq)
) WITH (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1
);
-- Updates are small and dense, snapshots large and dense: compressing them again costs more than it saves.
ALTER TABLE weft.log ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE weft.snapshot (
  key bigint NOT NULL,
  seq bigint NOT NULL,
  saved_at bigint NOT NULL,
  bytes bytea NOT NULL,
  -- A version has a name; an ordinary snapshot has none. UTF-8 bytes, as a name may hold any character.
  version_name bytea,
  version_author bytea,
  version_at bigint,
  PRIMARY KEY (key, seq)
);
ALTER TABLE weft.snapshot ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE weft.node (
  node_id text PRIMARY KEY,
  boot text NOT NULL,
  advertise text NOT NULL,
  version text NOT NULL,
  draining boolean NOT NULL,
  started_at bigint NOT NULL,
  heartbeat_at bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE weft.cluster (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  cluster_id text NOT NULL,
  name text
);

CREATE FUNCTION weft.now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $f$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$f$;

-- A life of this server: another one after every restart and every failover.
CREATE FUNCTION weft.server_life() RETURNS bigint LANGUAGE sql STABLE AS $f$
  SELECT floor(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
$f$;

-- Claims: compare-and-set on the epoch. Leases are locked before shards, each in order, so that two claims cannot deadlock. A boot that loses a shard
-- does not keep its lease's version, and its running appends are waited for: their share locks are what FOR UPDATE waits on.
CREATE FUNCTION weft.claim_shards(p_node_id text, p_boot text, p_shards int[], p_epochs bigint[])
RETURNS TABLE (shard int, epoch bigint) LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
#variable_conflict use_column
DECLARE
  losers text[];
BEGIN
  INSERT INTO weft.lease (boot, version) VALUES (p_boot, 1) ON CONFLICT DO NOTHING;
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

CREATE FUNCTION weft.release_shards(p_boot text, p_shards int[], p_epochs bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
BEGIN
  UPDATE weft.lease l SET version = l.version + 1 WHERE l.boot = p_boot;
  PERFORM 1 FROM weft.shard_owner o WHERE o.shard = ANY (p_shards) ORDER BY o.shard FOR UPDATE;
  UPDATE weft.shard_owner o SET node_id = NULL, boot = NULL
    FROM unnest(p_shards, p_epochs) AS held (shard, epoch)
    WHERE o.shard = held.shard AND o.epoch = held.epoch AND o.boot = p_boot;
END $f$;

-- The fence: which of these claims are current, as positions in the arrays. FOR SHARE conflicts with the update of a claim, so a claim waits until
-- this transaction has committed, and what the new owner reads in a new statement includes it. FOR KEY SHARE, or no lock, would not do.
CREATE FUNCTION weft.lock_fences(p_shards int[], p_epochs bigint[], p_boots text[])
RETURNS int[] LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
BEGIN
  RETURN (SELECT coalesce(array_agg(held.position::int), '{}') FROM (
    SELECT fence.position FROM unnest(p_shards, p_epochs, p_boots) WITH ORDINALITY AS fence (shard, epoch, boot, position)
      JOIN weft.shard_owner o ON o.shard = fence.shard
      WHERE o.epoch = fence.epoch AND o.boot = fence.boot
      ORDER BY o.shard FOR SHARE OF o
  ) AS held);
END $f$;

-- Appends a batch in which every entry is the next row of a document whose fence is current. Anything else raises WF001 (or a unique violation) and
-- writes nothing; weft.append_some then looks closer. p_fences says for each entry which fence it comes under (1-based). Answers what
-- weft.append_known needs for the rows that follow: the lease of the first boot, the server's life, the newest commit time, the documents' keys.
CREATE FUNCTION weft.append_all(
  p_shards int[], p_epochs bigint[], p_boots text[],
  p_fences int[], p_ids bytea[], p_incarnations text[], p_seqs bigint[], p_updates bytea[],
  OUT lease_version bigint, OUT server_life bigint, OUT newest_at bigint, OUT keys bigint[]
) LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  held int;
  now_ms bigint;
BEGIN
  SELECT l.version INTO lease_version FROM weft.lease l WHERE l.boot = p_boots[1] FOR SHARE OF l;
  PERFORM 1 FROM unnest(p_shards, p_epochs, p_boots) AS fence (shard, epoch, boot)
    JOIN weft.shard_owner o ON o.shard = fence.shard
    WHERE o.epoch = fence.epoch AND o.boot = fence.boot
    ORDER BY o.shard FOR SHARE OF o;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held <> cardinality(p_shards) THEN RAISE EXCEPTION 'a fence is stale' USING ERRCODE = 'WF001'; END IF;
  now_ms := weft.now_ms();
  server_life := weft.server_life();
  IF 1 = ANY (p_seqs) THEN
    INSERT INTO weft.document (id, incarnation, created_at)
      SELECT entry.id, entry.incarnation, now_ms
      FROM unnest(p_ids, p_incarnations, p_seqs) AS entry (id, incarnation, seq) WHERE entry.seq = 1;
  END IF;
  -- The log keeps the last row of each document, so "the row before is there and none after it" is contiguity and absence of a rival at once.
  WITH next AS MATERIALIZED (
    SELECT entry.position, document.key, entry.seq, p_epochs[entry.fence] AS epoch, greatest(now_ms, head.committed_at) AS at, entry.bytes
    FROM unnest(p_fences, p_ids, p_incarnations, p_seqs, p_updates) WITH ORDINALITY AS entry (fence, id, incarnation, seq, bytes, position)
    JOIN weft.document ON document.id = entry.id
    LEFT JOIN LATERAL (
      SELECT log.seq, log.committed_at FROM weft.log WHERE log.key = document.key ORDER BY log.seq DESC LIMIT 1
    ) AS head ON true
    WHERE document.incarnation = entry.incarnation AND entry.seq = coalesce(head.seq, 0) + 1
  ), written AS (
    INSERT INTO weft.log (key, seq, epoch, committed_at, bytes) SELECT next.key, next.seq, next.epoch, next.at, next.bytes FROM next
  )
  SELECT array_agg(next.key ORDER BY next.position), max(next.at) INTO keys, newest_at FROM next;
  IF coalesce(cardinality(keys), 0) <> cardinality(p_seqs) THEN RAISE EXCEPTION 'an entry is not the next row' USING ERRCODE = 'WF001'; END IF;
END $f$;

-- Appends rows of documents whose keys and heads this boot remembers from the time when its lease had this version and the server this life. While both
-- are unchanged no shard of the boot has moved, so nobody else can have appended and what it remembers is still so: one share lock is the fence of
-- the whole batch. The server's life is compared since a failover may lose rows without a trace. p_floor keeps commit times from falling.
CREATE FUNCTION weft.append_known(
  p_boot text, p_version bigint, p_server_life bigint, p_floor bigint, p_keys bigint[], p_seqs bigint[], p_epochs bigint[], p_updates bytea[]
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $f$
DECLARE
  at bigint;
BEGIN
  PERFORM 1 FROM weft.lease l WHERE l.boot = p_boot AND l.version = p_version FOR SHARE OF l;
  IF NOT FOUND OR weft.server_life() <> p_server_life THEN RAISE EXCEPTION 'what is remembered is out of date' USING ERRCODE = 'WF001'; END IF;
  at := greatest(weft.now_ms(), p_floor);
  INSERT INTO weft.log (key, seq, epoch, committed_at, bytes)
    SELECT entry.key, entry.seq, entry.epoch, at, entry.bytes
    FROM unnest(p_keys, p_seqs, p_epochs, p_updates) AS entry (key, seq, epoch, bytes);
  RETURN at;
END $f$;

-- append_all with a verdict per entry (position, 1-based): 'gap' (then nothing was written), 'fenced' (then nothing of its shard was written);
-- entries that are not listed are written, now or before.
CREATE FUNCTION weft.append_some(
  p_shards int[], p_epochs bigint[], p_boots text[],
  p_fences int[], p_ids bytea[], p_incarnations text[], p_seqs bigint[], p_updates bytea[]
) RETURNS TABLE (entry int, verdict text) LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  held int[] := weft.lock_fences(p_shards, p_epochs, p_boots);
  now_ms bigint := weft.now_ms();
BEGIN
  RETURN QUERY
  WITH found AS MATERIALIZED (
    SELECT entry.*, document.key, document.incarnation AS stored_incarnation, head.committed_at AS last_at, p_shards[entry.fence] AS shard,
      coalesce(head.seq, 0) AS head
    FROM unnest(p_fences, p_ids, p_incarnations, p_seqs, p_updates) WITH ORDINALITY AS entry (fence, id, incarnation, seq, bytes, position)
    LEFT JOIN weft.document ON document.id = entry.id
    LEFT JOIN LATERAL (
      SELECT log.seq, log.committed_at FROM weft.log WHERE log.key = document.key ORDER BY log.seq DESC LIMIT 1
    ) AS head ON true
  ), judged AS MATERIALIZED (
    SELECT found.*, CASE
      WHEN NOT found.fence = ANY (held) THEN 'fenced'
      WHEN found.stored_incarnation <> found.incarnation THEN 'fenced'
      WHEN found.seq > found.head + 1 THEN 'gap'
      WHEN found.seq = found.head + 1 THEN 'next'
      WHEN EXISTS (
        SELECT FROM weft.log WHERE log.key = found.key AND log.seq = found.seq AND log.epoch = p_epochs[found.fence] AND log.bytes = found.bytes
      ) THEN 'present'
      ELSE 'fenced'
    END AS verdict FROM found
  ), settled AS MATERIALIZED (
    -- One refused entry refuses its shard. A gap under a stale fence is no gap: somebody else is writing there.
    SELECT judged.*, bool_or(judged.verdict = 'fenced') OVER (PARTITION BY judged.shard) AS shard_fenced FROM judged
  ), gaps AS MATERIALIZED (
    SELECT settled.position FROM settled WHERE settled.verdict = 'gap' AND NOT settled.shard_fenced
  ), fresh AS (
    INSERT INTO weft.document (id, incarnation, created_at)
      SELECT settled.id, settled.incarnation, now_ms FROM settled
      WHERE settled.verdict = 'next' AND NOT settled.shard_fenced AND settled.key IS NULL AND NOT EXISTS (SELECT FROM gaps)
      RETURNING document.key, document.id
  ), written AS (
    INSERT INTO weft.log (key, seq, epoch, committed_at, bytes)
      SELECT coalesce(settled.key, fresh.key), settled.seq, p_epochs[settled.fence], greatest(now_ms, settled.last_at), settled.bytes
      FROM settled LEFT JOIN fresh ON fresh.id = settled.id
      WHERE settled.verdict = 'next' AND NOT settled.shard_fenced AND NOT EXISTS (SELECT FROM gaps)
  )
  SELECT settled.position::int, CASE WHEN settled.shard_fenced THEN 'fenced' ELSE settled.verdict END
    FROM settled WHERE settled.shard_fenced OR settled.verdict = 'gap';
END $f$;

-- Saves a snapshot, as a version if p_name is given. Answers 'written', 'fenced', or 'ahead' for a seq that was never committed.
CREATE FUNCTION weft.save_snapshot(
  p_shard int, p_epoch bigint, p_boot text, p_id bytea, p_incarnation text, p_seq bigint, p_bytes bytea, p_name bytea, p_author bytea
) RETURNS text LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  document_key bigint;
  now_ms bigint := weft.now_ms();
BEGIN
  IF cardinality(weft.lock_fences(ARRAY[p_shard], ARRAY[p_epoch], ARRAY[p_boot])) = 0 THEN RETURN 'fenced'; END IF;
  SELECT document.key INTO document_key FROM weft.document WHERE document.id = p_id AND document.incarnation = p_incarnation;
  IF NOT FOUND THEN RETURN 'fenced'; END IF;
  IF p_seq < 1 OR p_seq > (SELECT max(log.seq) FROM weft.log WHERE log.key = document_key) THEN RETURN 'ahead'; END IF;
  IF p_name IS NULL THEN
    INSERT INTO weft.snapshot (key, seq, saved_at, bytes) VALUES (document_key, p_seq, now_ms, p_bytes) ON CONFLICT (key, seq) DO NOTHING;
  ELSE
    INSERT INTO weft.snapshot (key, seq, saved_at, bytes, version_name, version_author, version_at)
      VALUES (document_key, p_seq, now_ms, p_bytes, p_name, p_author, now_ms)
      ON CONFLICT (key, seq) DO UPDATE SET version_name = p_name, version_author = p_author, version_at = coalesce(snapshot.version_at, now_ms);
  END IF;
  RETURN 'written';
END $f$;

CREATE FUNCTION weft.delete_document(p_shard int, p_epoch bigint, p_boot text, p_id bytea)
RETURNS text LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  document_key bigint;
BEGIN
  -- What the owner remembers about this document's log must not be used again.
  UPDATE weft.lease l SET version = l.version + 1 WHERE l.boot = p_boot;
  IF cardinality(weft.lock_fences(ARRAY[p_shard], ARRAY[p_epoch], ARRAY[p_boot])) = 0 THEN RETURN 'fenced'; END IF;
  DELETE FROM weft.document WHERE document.id = p_id RETURNING document.key INTO document_key;
  DELETE FROM weft.snapshot WHERE snapshot.key = document_key;
  DELETE FROM weft.log WHERE log.key = document_key;
  RETURN 'written';
END $f$;
`
