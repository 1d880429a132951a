-- Every change of a zone's row has a number of its own, so that whoever keeps the zones in memory reads
-- again what changed and not all of them.
ALTER TABLE zone ADD COLUMN stamp BIGINT NOT NULL DEFAULT 0;
CREATE INDEX zone_stamp ON zone (stamp);
INSERT INTO meta (key, value) VALUES ('zone_stamp', '1');
INSERT INTO meta (key, value) VALUES ('zone_removed', '0');
