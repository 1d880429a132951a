-- Values on their way to a provider: written before the call, gone with its result. After a crash in
-- between they count as ours where they are seen.
CREATE TABLE intent (
    zone_id BIGINT NOT NULL, name_key BYTEA NOT NULL, rtype BIGINT NOT NULL, data BYTEA NOT NULL,
    PRIMARY KEY (zone_id, name_key, rtype));
