-- A write that was sent and never answered may land long after: when it was sent, and when its name is
-- looked at again.
ALTER TABLE intent ADD COLUMN sent_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE intent ADD COLUMN look_at BIGINT;
CREATE INDEX intent_look ON intent (look_at) WHERE look_at IS NOT NULL;
