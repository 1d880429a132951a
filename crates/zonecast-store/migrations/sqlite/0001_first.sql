-- Schema 1. The same tables as migrations/postgres/0001_first.sql; times are milliseconds, names are
-- canonical sort keys (RFC 4034 section 6.1), values canonical wire form, JSON is text.

CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sequence (kind TEXT NOT NULL PRIMARY KEY, next BIGINT NOT NULL) WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('zone_epoch', '1'), ('schema', '1'), ('audit_head', '0:'), ('audit_anchor', '0:');
INSERT INTO sequence (kind, next) VALUES ('claim', 1), ('host', 1), ('job', 1), ('record', 1);

CREATE TABLE connection (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, provider TEXT NOT NULL, settings TEXT NOT NULL,
    secrets TEXT NOT NULL, budget_group TEXT NOT NULL, implicit BIGINT NOT NULL, state TEXT NOT NULL,
    last_error TEXT, failures BIGINT NOT NULL, open_until BIGINT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE UNIQUE INDEX connection_name ON connection (name);

CREATE TABLE zone (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name_key BLOB NOT NULL, connection_id BIGINT NOT NULL REFERENCES connection (id),
    provider_zone_id TEXT, physical_id TEXT NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL, last_error TEXT,
    cuts BLOB NOT NULL, rematch_after BLOB, listed_at BIGINT, owned BIGINT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE UNIQUE INDEX zone_physical ON zone (physical_id) WHERE state <> 'deleting';
CREATE INDEX zone_connection ON zone (connection_id);

CREATE TABLE pool (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT NOT NULL, main_domain BLOB, name_pattern TEXT, ttl BIGINT,
    ptr_pattern TEXT, version BIGINT NOT NULL);
CREATE UNIQUE INDEX pool_prefix ON pool (prefix);

CREATE TABLE host (
    id INTEGER PRIMARY KEY, fqdn_key BLOB NOT NULL, fqdn TEXT NOT NULL, name TEXT, main_domain BLOB,
    addresses TEXT NOT NULL, ttl BIGINT, address_policy BIGINT NOT NULL, state TEXT NOT NULL, vm_status TEXT,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, version BIGINT NOT NULL);
CREATE UNIQUE INDEX host_fqdn ON host (fqdn_key) WHERE state <> 'deleting';
CREATE INDEX host_leaving ON host (id) WHERE state = 'deleting';

CREATE TABLE record (
    id INTEGER PRIMARY KEY, name_key BLOB NOT NULL, name TEXT NOT NULL, rtype BIGINT NOT NULL, data BLOB NOT NULL,
    ttl BIGINT, zone_id BIGINT, state TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL);
CREATE INDEX record_leaving ON record (id) WHERE state = 'deleting';

-- Claims lie together by owner; the id is their age.
CREATE TABLE claim (
    owner_kind BIGINT NOT NULL, owner_id BIGINT NOT NULL, id BIGINT NOT NULL, name_key BLOB NOT NULL,
    rtype BIGINT NOT NULL, data BLOB NOT NULL, ttl BIGINT, zone_id BIGINT, withdrawn BIGINT NOT NULL,
    PRIMARY KEY (owner_kind, owner_id, id)) WITHOUT ROWID;
CREATE INDEX claim_name ON claim (name_key) WHERE withdrawn = 0;

-- A name is dirty while wanted > done. flags: 1 asked, 2 rewrite, 4 take over, 8 approved.
CREATE TABLE name_state (
    zone_id BIGINT NOT NULL, name_key BLOB NOT NULL, wanted BIGINT NOT NULL, done BIGINT NOT NULL,
    due_at BIGINT NOT NULL, attempts BIGINT NOT NULL, priority BIGINT NOT NULL, flags BIGINT NOT NULL, job_id BIGINT,
    PRIMARY KEY (zone_id, name_key)) WITHOUT ROWID;
CREATE INDEX name_dirty ON name_state (zone_id, priority, due_at) WHERE wanted > done;
CREATE INDEX name_job ON name_state (job_id) WHERE job_id IS NOT NULL;

-- Which names an owner in 'deleting' still waits for.
CREATE TABLE farewell (
    zone_id BIGINT NOT NULL, name_key BLOB NOT NULL, owner_kind BIGINT NOT NULL, owner_id BIGINT NOT NULL,
    PRIMARY KEY (zone_id, name_key, owner_kind, owner_id)) WITHOUT ROWID;
CREATE INDEX farewell_owner ON farewell (owner_kind, owner_id);

CREATE TABLE key_state (
    zone_id BIGINT NOT NULL, name_key BLOB NOT NULL, rtype BIGINT NOT NULL, state TEXT NOT NULL, applied BLOB NOT NULL,
    ttl BIGINT NOT NULL, last_error TEXT, attempts BIGINT NOT NULL, next_attempt_at BIGINT, verified TEXT,
    verified_at BIGINT, verify_due_at BIGINT, outcomes BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    PRIMARY KEY (zone_id, name_key, rtype)) WITHOUT ROWID;
CREATE INDEX key_verify ON key_state (verify_due_at) WHERE verify_due_at IS NOT NULL;
CREATE INDEX key_trouble ON key_state (state, zone_id, name_key) WHERE state NOT IN ('pending', 'applied', 'served');

-- What a key was before it became what it is: a ring of 20 slots, so nothing needs pruning.
CREATE TABLE outcome (
    zone_id BIGINT NOT NULL, name_key BLOB NOT NULL, rtype BIGINT NOT NULL, slot BIGINT NOT NULL, state TEXT NOT NULL,
    applied BLOB NOT NULL, ttl BIGINT NOT NULL, note TEXT, at BIGINT NOT NULL,
    PRIMARY KEY (zone_id, name_key, rtype, slot)) WITHOUT ROWID;

CREATE TABLE lease (
    budget_group TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    released BIGINT NOT NULL) WITHOUT ROWID;

-- open: names that still name this job, and one more while names may yet be added.
CREATE TABLE job (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, total BIGINT NOT NULL,
    succeeded BIGINT NOT NULL, failed BIGINT NOT NULL, open BIGINT NOT NULL, superseded_by BIGINT, owner_kind BIGINT,
    owner_id BIGINT, log_next BIGINT NOT NULL, created_at BIGINT NOT NULL, finished_at BIGINT);
CREATE INDEX job_finished ON job (finished_at);
CREATE TABLE job_log (
    job_id BIGINT NOT NULL, id BIGINT NOT NULL, at BIGINT NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (job_id, id)) WITHOUT ROWID;
-- Names that ended badly, for `retry`.
CREATE TABLE job_failed (
    job_id BIGINT NOT NULL, zone_id BIGINT NOT NULL, name_key BLOB NOT NULL,
    PRIMARY KEY (job_id, zone_id, name_key)) WITHOUT ROWID;

-- seq is the place in the chain, given by the sealer in commit order.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL,
    action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, seq BIGINT, hash TEXT);
CREATE INDEX audit_open ON audit (id) WHERE seq IS NULL;
CREATE UNIQUE INDEX audit_chain ON audit (seq) WHERE seq IS NOT NULL;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, role TEXT NOT NULL, hash BLOB NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT);
CREATE UNIQUE INDEX api_key_name ON api_key (name);

CREATE TABLE idempotency (
    key TEXT NOT NULL, principal TEXT NOT NULL, body_hash BLOB NOT NULL, status BIGINT NOT NULL, body TEXT NOT NULL,
    created_at BIGINT NOT NULL, PRIMARY KEY (principal, key)) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE removal_window (id INTEGER PRIMARY KEY AUTOINCREMENT, zone_id BIGINT NOT NULL, at BIGINT NOT NULL, removed BIGINT NOT NULL);
CREATE INDEX removal_zone ON removal_window (zone_id, at);

CREATE TABLE drift (
    id INTEGER PRIMARY KEY AUTOINCREMENT, zone_id BIGINT NOT NULL, name_key BLOB NOT NULL, rtype BIGINT NOT NULL,
    kind TEXT NOT NULL, detail TEXT NOT NULL, seen BIGINT NOT NULL, first_seen_at BIGINT NOT NULL, healed_at TEXT NOT NULL);
CREATE UNIQUE INDEX drift_key ON drift (zone_id, name_key, rtype);

CREATE TABLE embedded_zone (
    name_key BLOB NOT NULL PRIMARY KEY, settings TEXT NOT NULL, serial BIGINT NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE embedded_rrset (
    zone_key BLOB NOT NULL, name_key BLOB NOT NULL, rtype BIGINT NOT NULL, ttl BIGINT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (zone_key, name_key, rtype)) WITHOUT ROWID;
CREATE TABLE embedded_journal (
    zone_key BLOB NOT NULL, id BIGINT NOT NULL, serial_from BIGINT NOT NULL, serial_to BIGINT NOT NULL,
    removed BLOB NOT NULL, added BLOB NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (zone_key, id)) WITHOUT ROWID;
