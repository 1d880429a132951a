-- A claim says what decides whose a name is. An asked reverse name is stronger than one that follows from
-- its host's name: of a host for which nobody asked any, all PTRs are derived; other hosts' say so when
-- they are next saved. A hosted domain's record goes to the domain's own zone, or the nearest above.
ALTER TABLE claim ADD COLUMN derived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE claim ADD COLUMN domain_key BYTEA;
UPDATE claim SET derived = 1 WHERE owner_kind = 1 AND rtype = 12
    AND owner_id IN (SELECT id FROM host WHERE addresses NOT LIKE '%"reverse_name"%');
UPDATE claim SET domain_key = (SELECT d.name_key FROM domain d WHERE d.id = claim.owner_id) WHERE owner_kind = 2;
-- A record says which door it came through: a panel's command replaces what the panel said before.
ALTER TABLE record ADD COLUMN source TEXT NOT NULL DEFAULT '';
UPDATE record SET source = 'plesk' WHERE id IN (SELECT CAST(substr(object, 8) AS BIGINT) FROM audit
    WHERE action = 'record.add' AND source = 'plesk');
