-- Hosted domains with their whole record sets. What was synced once stands as claims of owner kind 2;
-- the row holds the set as its source gave it, also while it may not be synced.
CREATE TABLE domain (
    id BIGINT PRIMARY KEY, name_key BYTEA NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    addresses TEXT NOT NULL, ttl BIGINT, records BYTEA NOT NULL, options TEXT NOT NULL, synced BIGINT NOT NULL,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE UNIQUE INDEX domain_name ON domain (name_key) WHERE state <> 'deleting';
CREATE INDEX domain_leaving ON domain (id) WHERE state = 'deleting';
INSERT INTO sequence (kind, next) VALUES ('domain', 1);
