-- What waits because its provider refused says how often and since when, so that the steps grow from
-- seconds, survive a restart and can be shown. (A connection's failures and due time are there already.)
ALTER TABLE zone ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE zone ADD COLUMN open_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE zone ADD COLUMN trouble_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN trouble_since BIGINT NOT NULL DEFAULT 0;
