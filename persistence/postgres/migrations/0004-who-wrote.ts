// Migration 4: who wrote. Rows of the log name their users, by number; each document remembers who first used which Yjs client id.
//
// Nodes of the version before go on working beside it: their functions stay, and the rows that they write name nobody. What deletes a
// document is the same function for both.

const pinnedPlans = `
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off`

/** What the appends take beside the parameters that they had. */
const authorParameters = 'p_authors_life bigint, p_users bytea[], p_use_entries int[], p_use_clients bigint[], p_use_authors bigint[]'

/** Numbers are of one life of the server: a failover may have lost the authors that a node remembers the numbers of. */
const checkAuthors = `
  IF p_authors_life IS NOT NULL AND p_authors_life <> weft.server_life() THEN
    RAISE EXCEPTION 'the numbers of the authors are out of date' USING ERRCODE = 'WF002';
  END IF;`

export const whoWrote = `
-- A user who ever wrote, in any document. The id is UTF-8 bytes.
CREATE TABLE weft.author (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bytea NOT NULL UNIQUE
);

-- The numbers of the authors of a row, see persistence/user-numbers.ts; NULL where nobody is known.
ALTER TABLE weft.log ADD COLUMN users bytea;

CREATE TABLE weft.first_use (
  key bigint NOT NULL,
  client_id bigint NOT NULL,
  author bigint NOT NULL,
  seq bigint NOT NULL,
  used_at bigint NOT NULL,
  PRIMARY KEY (key, client_id)
);

-- Whoever may use the log may use these: an operator has granted it, if somebody else than the owner of the schema runs the nodes.
DO $g$ DECLARE
  held record;
BEGIN
  FOR held IN SELECT acl.grantee, acl.privilege_type FROM pg_class c, aclexplode(c.relacl) AS acl
    WHERE c.oid = 'weft.log'::regclass AND acl.grantee <> c.relowner AND acl.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  LOOP
    EXECUTE format('GRANT %s ON weft.author, weft.first_use TO %s', held.privilege_type,
      CASE held.grantee WHEN 0 THEN 'PUBLIC' ELSE held.grantee::regrole::text END);
  END LOOP;
END $g$;

-- As the functions of migration 1, with users. p_users may be shorter than the entries: whoever is missing has none. A first use names its entry by position.
CREATE FUNCTION weft.append_known(
  p_boot text, p_version bigint, p_server_life bigint, p_floor bigint, p_keys bigint[], p_seqs bigint[], p_epochs bigint[], p_updates bytea[],
  ${authorParameters}
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $f$
DECLARE
  at bigint;
BEGIN
  PERFORM 1 FROM weft.lease l WHERE l.boot = p_boot AND l.version = p_version FOR SHARE OF l;
  IF NOT FOUND OR weft.server_life() <> p_server_life THEN RAISE EXCEPTION 'what is remembered is out of date' USING ERRCODE = 'WF001'; END IF;
  ${checkAuthors}
  at := greatest(weft.now_ms(), p_floor);
  INSERT INTO weft.log (key, seq, epoch, committed_at, bytes, users)
    SELECT entry.key, entry.seq, entry.epoch, at, entry.bytes, nullif(entry.users, '')
    FROM unnest(p_keys, p_seqs, p_epochs, p_updates, p_users) AS entry (key, seq, epoch, bytes, users);
  IF cardinality(p_use_clients) > 0 THEN
    INSERT INTO weft.first_use (key, client_id, author, seq, used_at)
      SELECT p_keys[used.entry], used.client_id, used.author, p_seqs[used.entry], at
      FROM unnest(p_use_entries, p_use_clients, p_use_authors) AS used (entry, client_id, author)
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN at;
END $f$;

CREATE FUNCTION weft.append_all(
  p_shards int[], p_epochs bigint[], p_boots text[],
  p_fences int[], p_ids bytea[], p_incarnations text[], p_seqs bigint[], p_updates bytea[],
  ${authorParameters},
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
  ${checkAuthors}
  now_ms := weft.now_ms();
  server_life := weft.server_life();
  IF 1 = ANY (p_seqs) THEN
    INSERT INTO weft.document (id, incarnation, created_at)
      SELECT entry.id, entry.incarnation, now_ms
      FROM unnest(p_ids, p_incarnations, p_seqs) AS entry (id, incarnation, seq) WHERE entry.seq = 1;
  END IF;
  -- The log keeps the last row of each document, so "the row before is there and none after it" is contiguity and absence of a rival at once.
  WITH next AS MATERIALIZED (
    SELECT entry.position, document.key, entry.seq, p_epochs[entry.fence] AS epoch, greatest(now_ms, head.committed_at) AS at, entry.bytes, entry.users
    FROM unnest(p_fences, p_ids, p_incarnations, p_seqs, p_updates, p_users) WITH ORDINALITY AS entry (fence, id, incarnation, seq, bytes, users, position)
    JOIN weft.document ON document.id = entry.id
    LEFT JOIN LATERAL (
      SELECT log.seq, log.committed_at FROM weft.log WHERE log.key = document.key ORDER BY log.seq DESC LIMIT 1
    ) AS head ON true
    WHERE document.incarnation = entry.incarnation AND entry.seq = coalesce(head.seq, 0) + 1
  ), written AS (
    INSERT INTO weft.log (key, seq, epoch, committed_at, bytes, users)
      SELECT next.key, next.seq, next.epoch, next.at, next.bytes, nullif(next.users, '') FROM next
  )
  SELECT array_agg(next.key ORDER BY next.position), max(next.at) INTO keys, newest_at FROM next;
  IF coalesce(cardinality(keys), 0) <> cardinality(p_seqs) THEN RAISE EXCEPTION 'an entry is not the next row' USING ERRCODE = 'WF001'; END IF;
  IF cardinality(p_use_clients) > 0 THEN
    INSERT INTO weft.first_use (key, client_id, author, seq, used_at)
      SELECT log.key, used.client_id, used.author, log.seq, log.committed_at
      FROM unnest(p_use_entries, p_use_clients, p_use_authors) AS used (entry, client_id, author)
      JOIN weft.log ON log.key = keys[used.entry] AND log.seq = p_seqs[used.entry]
      ON CONFLICT DO NOTHING;
  END IF;
END $f$;

CREATE FUNCTION weft.append_some(
  p_shards int[], p_epochs bigint[], p_boots text[],
  p_fences int[], p_ids bytea[], p_incarnations text[], p_seqs bigint[], p_updates bytea[],
  ${authorParameters}
) RETURNS TABLE (entry int, verdict text) LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  held int[] := weft.lock_fences(p_shards, p_epochs, p_boots);
  now_ms bigint := weft.now_ms();
BEGIN
  ${checkAuthors}
  RETURN QUERY
  WITH found AS MATERIALIZED (
    SELECT entry.*, document.key, document.incarnation AS stored_incarnation, head.committed_at AS last_at, p_shards[entry.fence] AS shard,
      coalesce(head.seq, 0) AS head
    FROM unnest(p_fences, p_ids, p_incarnations, p_seqs, p_updates, p_users) WITH ORDINALITY AS entry (fence, id, incarnation, seq, bytes, users, position)
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
  ), next AS MATERIALIZED (
    SELECT coalesce(settled.key, fresh.key) AS key, settled.position, settled.seq, p_epochs[settled.fence] AS epoch,
      greatest(now_ms, settled.last_at) AS at, settled.bytes, settled.users
    FROM settled LEFT JOIN fresh ON fresh.id = settled.id
    WHERE settled.verdict = 'next' AND NOT settled.shard_fenced AND NOT EXISTS (SELECT FROM gaps)
  ), written AS (
    INSERT INTO weft.log (key, seq, epoch, committed_at, bytes, users)
      SELECT next.key, next.seq, next.epoch, next.at, next.bytes, nullif(next.users, '') FROM next
  ), used AS (
    INSERT INTO weft.first_use (key, client_id, author, seq, used_at)
      SELECT next.key, used.client_id, used.author, next.seq, next.at
      FROM unnest(p_use_entries, p_use_clients, p_use_authors) AS used (entry, client_id, author)
      JOIN next ON next.position = used.entry
      ON CONFLICT DO NOTHING
  )
  SELECT settled.position::int, CASE WHEN settled.shard_fenced THEN 'fenced' ELSE settled.verdict END
    FROM settled WHERE settled.shard_fenced OR settled.verdict = 'gap';
END $f$;

CREATE OR REPLACE FUNCTION weft.delete_document(p_shard int, p_epoch bigint, p_boot text, p_id bytea)
RETURNS text LANGUAGE plpgsql VOLATILE ${pinnedPlans} AS $f$
DECLARE
  document_key bigint;
BEGIN
  -- What the owner remembers about this document's log must not be used again.
  UPDATE weft.lease l SET version = l.version + 1 WHERE l.boot = p_boot;
  IF cardinality(weft.lock_fences(ARRAY[p_shard], ARRAY[p_epoch], ARRAY[p_boot])) = 0 THEN RETURN 'fenced'; END IF;
  DELETE FROM weft.document WHERE document.id = p_id RETURNING document.key INTO document_key;
  DELETE FROM weft.snapshot WHERE snapshot.key = document_key;
  DELETE FROM weft.first_use WHERE first_use.key = document_key;
  DELETE FROM weft.log WHERE log.key = document_key;
  RETURN 'written';
END $f$;
`
